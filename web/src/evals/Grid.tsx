/* Rows x experiments. Only the rows in sight are drawn, and only their cells are asked for, so 5,000 rows scroll like ten. One stop
   of the keyboard: arrows go from cell to cell, Enter opens one. */
import { t } from '@lingui/core/macro'
import { Button } from '@mantine/core'
import { useQueries } from '@tanstack/react-query'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useMemo, useRef, useState, type KeyboardEvent } from 'react'
import { problemOf, type Problem } from '../api/problem'
import type { Experiment, GridCell, GridOrder, GridRow } from '../api/types'
import { count, duration, usd } from '../format/numbers'
import { WordDiff } from '../ui/Diff'
import { Status } from '../ui/Status'
import styles from './Grid.module.css'
import type { Against } from './gridaddress'
import { BLOCK, gridRowsQuery } from './queries'
import { amount, changeOf, textOf } from './words'

const ROW_PX = 118
/** Characters of a cell that are drawn; all of it stands below the grid. */
const DRAWN = 260
/** Blocks are asked for when the eye has rested so long. */
const REST_MS = 90

type GridProps = {
  experiments: readonly Experiment[]
  order: GridOrder
  against: Against
  /** Whether any of the experiments still runs, so that what came is not all. */
  isGoing: boolean
  chosen: { row: number; column: number } | null
  choose: (row: number, column: number, by: 'key' | 'pointer') => void
  /** Told once the first rows are there, or could not come. */
  come: () => void
}

export function Grid({ experiments, order, against, isGoing, chosen, choose, come }: GridProps) {
  const frame = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({ count: order.rows.length, getScrollElement: () => frame.current, estimateSize: () => ROW_PX, overscan: 4 })
  const inSight = virtual.getVirtualItems()
  const places = useMemo(() => new Map(order.rows.map((row, at) => [row, at])), [order.rows])
  const { rows, missed } = useCells(order, isGoing, inSight[0]?.index ?? 0, inSight.at(-1)?.index ?? 0)
  const isThere = rows.size + missed.size > 0
  useEffect(() => {
    if (isThere) come()
  }, [isThere])
  const at = chosen === null ? -1 : (places.get(chosen.row) ?? -1)
  const [active, setActive] = useState({ row: Math.max(0, at), column: chosen?.column ?? 1 })

  useEffect(() => {
    if (at < 0 || chosen === null) return
    setActive({ row: at, column: chosen.column })
    virtual.scrollToIndex(at, { align: 'auto' })
  }, [at, chosen?.column])

  const go = (row: number, column: number): void => {
    const next = { row: Math.min(Math.max(row, 0), order.rows.length - 1), column: Math.min(Math.max(column, 0), experiments.length) }
    setActive(next)
    virtual.scrollToIndex(next.row, { align: 'auto' })
  }
  const open = (row: number, column: number, by: 'key' | 'pointer'): void => {
    setActive({ row, column })
    const number = order.rows[row]
    if (number !== undefined) choose(number, Math.max(1, column), by)
  }
  const onKey = (event: KeyboardEvent): void => {
    // A button within a cell is pressed, not the cell.
    if (event.altKey || event.metaKey || event.target !== event.currentTarget) return
    const { row, column } = active
    const deeds: Record<string, () => void> = {
      ArrowDown: () => go(row + 1, column),
      ArrowUp: () => go(row - 1, column),
      ArrowRight: () => go(row, column + 1),
      ArrowLeft: () => go(row, column - 1),
      PageDown: () => go(row + 4, column),
      PageUp: () => go(row - 4, column),
      Home: () => go(event.ctrlKey ? 0 : row, event.ctrlKey ? column : 0),
      End: () => go(event.ctrlKey ? order.rows.length - 1 : row, event.ctrlKey ? column : experiments.length),
      Enter: () => open(row, column, 'key'),
    }
    const deed = deeds[event.key]
    if (deed === undefined) return
    event.preventDefault()
    deed()
  }

  const columns = { gridTemplateColumns: `minmax(15rem, 1.1fr) repeat(${experiments.length}, minmax(13rem, 1fr))`, minInlineSize: `${15 + experiments.length * 13}rem` }
  const isDrawn = inSight.some(({ index }) => index === active.row)
  return (
    <div
      ref={frame}
      className={styles.frame}
      style={{ blockSize: `min(${order.rows.length * ROW_PX + 44}px, 68vh)` }}
      role="grid"
      aria-label={t`Rows and what each experiment said of them`}
      aria-rowcount={order.rows.length + 1}
      aria-colcount={experiments.length + 1}
      aria-activedescendant={isDrawn ? `cell-${active.row}-${active.column}` : undefined}
      tabIndex={0}
      onKeyDown={onKey}
    >
      <div className={styles.head} style={columns} role="row" aria-rowindex={1}>
        <div role="columnheader">{t`Row, input and expected`}</div>
        {experiments.map((one, place) => (
          <div key={one.experiment_id} role="columnheader" title={one.name}>{one.name}{place === 0 && experiments.length > 1 && <span className="dim"> {t`(baseline)`}</span>}</div>
        ))}
      </div>
      <div role="presentation" style={{ blockSize: virtual.getTotalSize(), position: 'relative', minInlineSize: columns.minInlineSize }}>
        {inSight.map(({ index, start, key }) => {
          const number = order.rows[index]
          if (number === undefined) return null
          const row = rows.get(number)
          const mark = (column: number) => ({
            id: `cell-${index}-${column}`,
            'data-active': (active.row === index && active.column === column) || undefined,
            'aria-selected': chosen !== null && chosen.row === number && Math.max(1, chosen.column) === column,
            onClick: () => open(index, column, 'pointer'),
          })
          return (
            <div key={key} role="row" aria-rowindex={index + 2} className={styles.row} style={{ ...columns, transform: `translateY(${start}px)` }}>
              <div role="rowheader" className={styles.cell} {...mark(0)}>
                <span className={styles.number}>{count(number)}</span>
                {row ? <Asked row={row} /> : <NotHere missed={missed.get(number)} />}
              </div>
              {experiments.map((one, place) => (
                <div key={one.experiment_id} role="gridcell" className={styles.cell} {...mark(place + 1)}>
                  {row && <Cell row={row} cell={row.cells[place] ?? null} place={place} order={order} against={against} />}
                </div>
              ))}
            </div>
          )
        })}
      </div>
    </div>
  )
}

/** A block that did not come, and how to ask for it again. */
type Missed = { problem: Problem; again: () => void }
type Cells = { rows: Map<number, GridRow>; missed: Map<number, Missed> }

/** The rows that have come or could not, by number: blocks around what is in sight, once the eye rests. */
function useCells(order: GridOrder, isGoing: boolean, first: number, last: number): Cells {
  const [wanted, setWanted] = useState<[number, number]>([0, 0])
  const [from, until] = [Math.floor(first / BLOCK), Math.floor(last / BLOCK)]
  useEffect(() => {
    const timer = window.setTimeout(() => setWanted([from, until]), REST_MS)
    return () => window.clearTimeout(timer)
  }, [from, until])
  const blocks = Array.from({ length: wanted[1] - wanted[0] + 1 }, (_, at) => order.rows.slice((wanted[0] + at) * BLOCK, (wanted[0] + at + 1) * BLOCK))
  const answers = useQueries({ queries: blocks.map((rows) => gridRowsQuery(order.experiment_ids, rows, isGoing)) })
  // Made anew at every draw: the number of blocks changes, so nothing that compares them one by one may keep it.
  const cells: Cells = { rows: new Map(), missed: new Map() }
  answers.forEach(({ data, error, refetch }, at) => {
    for (const row of data ?? []) cells.rows.set(row.row, row)
    if (data === undefined && error) for (const row of blocks[at] ?? []) cells.missed.set(row, { problem: problemOf(error), again: () => void refetch() })
  })
  return cells
}

/** A row on its way, or one that could not come. */
function NotHere({ missed }: { missed: Missed | undefined }) {
  if (missed === undefined) return <span className="dim">{t`loading…`}</span>
  return (
    <>
      <span className={`${styles.text} untrusted`}>{missed.problem.status === 0 ? missed.problem.title : missed.problem.detail}</span>
      <div><Button size="compact-xs" variant="default" onClick={(event) => { event.stopPropagation(); missed.again() }}>{t`Try again`}</Button></div>
    </>
  )
}

function Asked({ row }: { row: GridRow }) {
  return (
    <>
      <span className={`${styles.text} untrusted`} dir="auto">{textOf(row.input).slice(0, DRAWN)}</span>
      {row.expected !== null && <span className={`${styles.expected} untrusted`} dir="auto"><span className="dim">{t`expected`} </span>{row.expected.slice(0, DRAWN)}</span>}
    </>
  )
}

function Cell({ row, cell, place, order, against }: { row: GridRow; cell: GridCell | null; place: number; order: GridOrder; against: Against }) {
  if (cell === null) return <span className="dim">{t`was not asked`}</span>
  const baseline = row.cells[0] ?? null
  const score = order.scorer === null ? undefined : cell.means[order.scorer]
  const change = place === 0 ? null : changeOf(baseline, cell, order)
  return (
    <>
      <span className={styles.facts}>
        {change !== null && <Status state={change > 0 ? 'better' : 'worse'} word={change > 0 ? t`improved` : t`regressed`} />}
        <strong>{score === undefined ? t`not judged` : amount(score, order.unit)}</strong>
        <span className="dim">{duration(cell.latency_ms)}{cell.cost_usd !== null && ` · ${usd(cell.cost_usd)}`}</span>
      </span>
      {cell.output === null ? (
        <span className={`${styles.text} untrusted`} dir="auto"><span className="dim">{t`no answer:`} </span>{(cell.error ?? '').slice(0, DRAWN)}</span>
      ) : (
        <span className={styles.text}><Said text={cell.output} than={textBeside(row, place, against)} most={DRAWN} /></span>
      )}
    </>
  )
}

/** The text that a cell's answer is told apart from; null where there is none. */
export function textBeside(row: GridRow, place: number, against: Against): string | null {
  if (against === 'expected') return row.expected
  return against === 'baseline' && place > 0 ? (row.cells[0]?.output ?? null) : null
}

/** `most`: characters that are drawn. The whole texts are told apart: what is cut first differs where it was cut. */
export function Said({ text, than, most }: { text: string; than: string | null; most?: number }) {
  if (than === null || than === text) return <span className="untrusted" dir="auto">{text.slice(0, most)}</span>
  return <span className={styles.beside}><WordDiff before={than} after={text} most={most} /></span>
}
