/* Spans as a tree beside a waterfall. Only the lines in sight are drawn, so 33,000 spans scroll like ten. One stop of the keyboard:
   arrows go along and open, as in every tree. */
import { plural, t } from '@lingui/core/macro'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useRef, type KeyboardEvent, type RefObject } from 'react'
import type { TreeRow } from '../api/types'
import { duration } from '../format/numbers'
import { Status } from '../ui/Status'
import { barOf, lineAbove, type Line } from './outline'
import styles from './Tree.module.css'

const LINE_PX = 30
/** Deeper spans are not pushed further in, so that their names stay in sight. */
const MOST_INDENT = 14

type TreeProps = {
  label: string
  lines: readonly Line[]
  open: ReadonlySet<string>
  time: { from: number; until: number }
  chosen: string | null
  /** What was chosen last, though it may not be drawn yet. */
  latest: RefObject<string | null>
  choose: (spanId: string) => void
  toggle: (spanId: string, wanted?: boolean) => void
  load: (parentId: string) => void
}

export function Tree({ label, lines, open, time, chosen, latest, choose, toggle, load }: TreeProps) {
  const frame = useRef<HTMLDivElement>(null)
  const placeOf = (spanId: string | null): number => lines.findIndex((line) => line.kind === 'span' && line.row.span_id === spanId)
  const at = placeOf(chosen)
  const virtual = useVirtualizer({ count: lines.length, getScrollElement: () => frame.current, estimateSize: () => LINE_PX, overscan: 10 })
  const inSight = virtual.getVirtualItems()

  const wanted = new Set(inSight.map(({ index }) => lines[index]).flatMap((line) => (line?.kind === 'gap' ? [line.parentId] : [])))
  const asked = [...wanted].join(' ')
  useEffect(() => {
    for (const parentId of wanted) load(parentId)
    // `lines` is new whenever parts came, which is when the next ones are asked for.
  }, [asked, lines, load])

  useEffect(() => {
    if (at >= 0) virtual.scrollToIndex(at, { align: 'auto' })
  }, [at, chosen])

  const go = (to: number): void => {
    const line = lines[Math.min(Math.max(to, 0), lines.length - 1)]
    if (line?.kind === 'span') choose(line.row.span_id)
    else if (line) virtual.scrollToIndex(to, { align: 'auto' })
  }

  const onKey = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const at = placeOf(latest.current)
    const line = lines[at]
    const row = line?.kind === 'span' ? line.row : null
    const deeds: Record<string, () => void> = {
      ArrowDown: () => go(at + 1),
      ArrowUp: () => go(at - 1),
      Home: () => go(0),
      End: () => go(lines.length - 1),
      PageDown: () => go(at + 15),
      PageUp: () => go(at - 15),
      ArrowRight: () => (row && row.child_count > 0 && !open.has(row.span_id) ? toggle(row.span_id, true) : go(at + 1)),
      ArrowLeft: () => (row && row.child_count > 0 && open.has(row.span_id) ? toggle(row.span_id, false) : go(lineAbove(lines, at))),
      Enter: () => row && toggle(row.span_id),
    }
    const deed = deeds[event.key]
    if (deed === undefined) return
    event.preventDefault()
    deed()
  }

  const shown = inSight.some(({ index }) => index === at)
  return (
    <div ref={frame} className={styles.frame} style={{ blockSize: `min(${Math.max(lines.length, 1) * LINE_PX + 2}px, 62vh)` }} role="tree" aria-label={label} tabIndex={0} aria-activedescendant={shown && chosen ? `span-${chosen}` : undefined} onKeyDown={onKey}>
      <div role="presentation" style={{ blockSize: virtual.getTotalSize(), position: 'relative' }}>
        {inSight.map(({ index, start, key }) => {
          const line = lines[index]
          if (line === undefined) return null
          const place = { transform: `translateY(${start}px)` }
          if (line.kind === 'gap')
            return (
              <div key={key} role="treeitem" aria-level={line.depth + 1} aria-selected={false} className={styles.line} style={place}>
                <span className={styles.name} style={indent(line.depth)}><span className="dim">{t`loading…`}</span></span>
              </div>
            )
          const { row } = line
          const isOpen = open.has(row.span_id)
          return (
            <div
              key={key}
              id={`span-${row.span_id}`}
              role="treeitem"
              aria-level={row.depth + 1}
              aria-setsize={line.setSize}
              aria-posinset={line.place}
              aria-selected={row.span_id === chosen}
              aria-expanded={row.child_count > 0 ? isOpen : undefined}
              className={styles.line}
              style={place}
              onClick={() => choose(row.span_id)}
            >
              <span className={styles.name} style={indent(row.depth)}>
                <span
                  className={styles.twist}
                  data-open={isOpen || undefined}
                  aria-hidden="true"
                  onClick={(event) => {
                    event.stopPropagation()
                    choose(row.span_id)
                    toggle(row.span_id)
                  }}
                >
                  {row.child_count > 0 ? '▸' : ''}
                </span>
                <Status state={row.status} word={row.kind} />
                <span className={styles.words} title={row.name}>{row.name}</span>
                <Inside row={row} isOpen={isOpen} />
              </span>
              <Bar row={row} time={time} />
              <span className={styles.time}>
                {row.critical_ms > 0 && <><span className={styles.mark} aria-hidden="true">◆</span><span className="hidden-visually">{t`on the critical path,`} </span></>}
                {duration(row.latency_ms)}
              </span>
            </div>
          )
        })}
      </div>
    </div>
  )
}

function indent(depth: number): { paddingInlineStart: string } {
  return { paddingInlineStart: `${0.3 + Math.min(depth, MOST_INDENT) * 0.95}rem` }
}

/** What a closed span hides, and how deep one is where the indent no longer shows it. */
function Inside({ row, isOpen }: { row: TreeRow; isOpen: boolean }) {
  const failed = row.subtree_error_count - (row.status === 'error' ? 1 : 0)
  const hides = row.child_count > 0 && !isOpen
  return (
    <span className={styles.inside}>
      {row.depth > MOST_INDENT && t`level ${row.depth + 1} `}
      {hides && plural(row.descendant_count, { one: '# span', other: '# spans' })}
      {hides && failed > 0 && `, ${plural(failed, { one: '# failed', other: '# failed' })}`}
    </span>
  )
}

function Bar({ row, time }: { row: TreeRow; time: { from: number; until: number } }) {
  const { start, width } = barOf(row, time)
  const critical = row.latency_ms > 0 ? Math.min(1, row.critical_ms / row.latency_ms) : 0
  return (
    <span className={styles.axis} aria-hidden="true">
      <span className={styles.bar} data-status={row.status} style={{ insetInlineStart: `${start * 100}%`, inlineSize: `${width * 100}%` }}>
        {critical > 0 && <span className={styles.critical} style={{ inlineSize: `${critical * 100}%` }} />}
      </span>
    </span>
  )
}
