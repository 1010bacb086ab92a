/* Traces as a table with the columns that were chosen, and boxes to choose rows where something can be done with them. */
import { t } from '@lingui/core/macro'
import { Checkbox } from '@mantine/core'
import type { Trace } from '../api/types'
import { DataTable, type Column } from '../ui/DataTable'
import { columnsOf, ORDERS, USUAL } from './columns'
import { asked } from './content'
import type { Sort } from './queries'
import styles from './Traces.module.css'

type TracesTableProps = {
  rows: Trace[]
  columns?: readonly string[]
  chosen?: readonly string[]
  toggle?: (traceId: string) => void
  choose?: (traceIds: readonly string[]) => void
  sort?: Sort
  /** Puts the list in another order, where there is a choice. */
  sortBy?: (sort: Sort) => void
}

export function TracesTable({ rows, columns = USUAL, chosen, toggle, choose, sort = 'newest', sortBy }: TracesTableProps) {
  const boxes: Column<Trace>[] = chosen && toggle && choose ? [boxesOf(rows, new Set(chosen), toggle, choose)] : []
  return (
    <DataTable
      caption={t`Traces`}
      rows={rows}
      rowKey={(trace) => trace.trace_id}
      selected={(trace) => chosen?.includes(trace.trace_id) ?? false}
      columns={[...boxes, ...columnsOf(columns).map(([name, column]) => inOrder(column, ORDERS[name], sort, sortBy))]}
    />
  )
}

function inOrder(column: Column<Trace>, own: Sort | undefined, sort: Sort, sortBy: ((sort: Sort) => void) | undefined): Column<Trace> {
  if (own === undefined || sortBy === undefined) return column
  const isOrder = own === sort
  return {
    ...column,
    isOrder,
    headCell: (
      <button type="button" className={styles.order} onClick={() => sortBy(own)} title={own === 'newest' ? t`Newest first` : t`Largest first`}>
        {column.head} <span aria-hidden="true">{isOrder ? '↓' : '↕'}</span>
      </button>
    ),
  }
}

function boxesOf(rows: readonly Trace[], chosen: ReadonlySet<string>, toggle: (traceId: string) => void, choose: (traceIds: readonly string[]) => void): Column<Trace> {
  const all = rows.length > 0 && rows.every((trace) => chosen.has(trace.trace_id))
  return {
    head: t`Choose`,
    headCell: (
      <Checkbox
        size="xs"
        aria-label={t`Choose all that are shown`}
        checked={all}
        indeterminate={!all && rows.some((trace) => chosen.has(trace.trace_id))}
        onChange={() => choose(all ? [] : rows.map((trace) => trace.trace_id))}
      />
    ),
    cell: (trace) => (
      <Checkbox
        size="xs"
        aria-label={t`Choose ${(asked(trace.input_text) || trace.name).slice(0, 80)}`}
        checked={chosen.has(trace.trace_id)}
        onChange={() => toggle(trace.trace_id)}
      />
    ),
  }
}
