/* Rows as a table of which only what is in sight is drawn, so that a version of any length scrolls like a short one; the next page
   is asked for when its rows come near. It stays a real table: heads, rows and their numbers are told to everyone. */
import { useVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useRef, type ReactNode } from 'react'
import styles from './Grid.module.css'

export type GridColumn<Row> = { name: string; head: string; cell: (row: Row) => ReactNode; /** Share of the width. */ width: string; numeric?: boolean }

type GridProps<Row> = {
  caption: string
  columns: readonly GridColumn<Row>[]
  rows: readonly Row[]
  rowKey: (row: Row) => string
  /** How many there are in all; undefined while nobody counted. */
  total?: number | undefined
  /** A word for a row that is not as it was: 'changed', 'gone'. */
  stateOf?: (row: Row) => string | undefined
  /** Asks for more rows; undefined when all are here or on their way. */
  more?: (() => void) | undefined
}

const ROW_PX = 58
const NEAR_THE_END = 15

export function Grid<Row>({ caption, columns, rows, rowKey, total, stateOf, more }: GridProps<Row>) {
  const frame = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => frame.current,
    estimateSize: () => ROW_PX,
    getItemKey: (at) => {
      const row = rows[at]
      return row === undefined ? at : rowKey(row)
    },
    overscan: 12,
  })
  const inSight = virtual.getVirtualItems()
  const last = inSight.at(-1)?.index ?? 0
  useEffect(() => {
    if (rows.length > 0 && last >= rows.length - NEAR_THE_END) more?.()
  }, [last, rows.length, more])
  const before = inSight[0]?.start ?? 0
  const behind = virtual.getTotalSize() - (inSight.at(-1)?.end ?? 0)
  return (
    <div ref={frame} className={styles.frame} tabIndex={0} role="region" aria-label={caption}>
      <table className={styles.table} aria-rowcount={total === undefined ? -1 : total + 1}>
        <caption className="hidden-visually">{caption}</caption>
        <colgroup>{columns.map(({ name, width }) => <col key={name} style={{ width }} />)}</colgroup>
        <thead>
          <tr aria-rowindex={1}>{columns.map(({ name, head, numeric }) => <th key={name} scope="col" className={numeric ? 'num' : undefined}>{head}</th>)}</tr>
        </thead>
        <tbody>
          {before > 0 && <tr className={styles.spacer} aria-hidden="true"><td colSpan={columns.length} style={{ height: before }} /></tr>}
          {inSight.map(({ index, key }) => {
            const row = rows[index]
            if (row === undefined) return null
            return (
              <tr key={key} ref={virtual.measureElement} data-index={index} aria-rowindex={index + 2} data-state={stateOf?.(row)}>
                {columns.map(({ name, cell, numeric }) => <td key={name} className={numeric ? 'num' : undefined}>{cell(row)}</td>)}
              </tr>
            )
          })}
          {behind > 0 && <tr className={styles.spacer} aria-hidden="true"><td colSpan={columns.length} style={{ height: behind }} /></tr>}
        </tbody>
      </table>
    </div>
  )
}
