/* A plain table with a caption for those who cannot see its place on the page. It scrolls sideways inside its own frame, which
   the keyboard can reach, so the page itself never does. */
import { t } from '@lingui/core/macro'
import type { ReactNode } from 'react'
import styles from './DataTable.module.css'

export type Column<Row> = {
  head: string
  /** What stands in the head in place of its words. */
  headCell?: ReactNode
  cell: (row: Row) => ReactNode
  /** Whether the rows stand in order of it, the largest first. */
  isOrder?: boolean
  /** Numbers stand at the end of their cell. */
  numeric?: boolean
  /** A cell that takes what is left of the width. */
  wide?: boolean
}

type DataTableProps<Row> = {
  caption: string
  columns: Column<Row>[]
  rows: readonly Row[]
  rowKey: (row: Row, index: number) => string
  /** Limits the height; the head stays in sight. */
  maxHeight?: string
  selected?: (row: Row) => boolean
  /** What stands in a table without rows. */
  none?: string
}

export function DataTable<Row>({ caption, columns, rows, rowKey, maxHeight, selected, none = t`None` }: DataTableProps<Row>) {
  return (
    <div className={styles.frame} style={maxHeight ? { maxHeight } : undefined} tabIndex={0} role="region" aria-label={caption}>
      <table className={styles.table}>
        <caption className="hidden-visually">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column, place) => (
              <th key={place} scope="col" className={column.numeric ? 'num' : undefined} data-wide={column.wide || undefined} aria-sort={column.isOrder ? 'descending' : undefined}>
                {column.headCell ?? column.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.length === 0 && (
            <tr>
              <td colSpan={columns.length} className="dim">{none}</td>
            </tr>
          )}
          {rows.map((row, index) => (
            <tr key={rowKey(row, index)} data-selected={selected?.(row) || undefined}>
              {columns.map((column, place) => (
                <td key={place} className={column.numeric ? 'num' : undefined}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
