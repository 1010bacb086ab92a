/* A chart with its words and its table. The table is one press away for everyone and is what a screen reader is told about. */
import { t } from '@lingui/core/macro'
import { Skeleton } from '@mantine/core'
import { lazy, Suspense, useId, useState, type ReactNode } from 'react'
import { DataTable, type Column } from './DataTable'
import type { Pick } from './Chart'
import type { Option } from './echarts'
import styles from './Figure.module.css'

const Chart = lazy(() => import('./Chart'))

type FigureProps<Row> = {
  title: string
  /** What the chart shows, in one sentence with its most important number. */
  words?: ReactNode
  option: Option
  height?: number
  columns: Column<Row>[]
  rows: readonly Row[]
  /** What a press on a point does; the table has to offer the same. */
  onPick?: Pick
  /** It shows what was asked for before; the new is on its way. */
  isBusy?: boolean
  /** What can be done with it. */
  below?: ReactNode
  /** Its heading's level: one below what it stands under. */
  heading?: 'h2' | 'h3'
}

export function Figure<Row>({ title, words, option, height = 220, columns, rows, onPick, isBusy = false, below, heading: Heading = 'h3' }: FigureProps<Row>) {
  const [asTable, setAsTable] = useState(false)
  const id = useId()
  return (
    <figure className={styles.figure} aria-labelledby={id} aria-busy={isBusy}>
      <figcaption className={styles.caption}>
        <div className="spread">
          <Heading id={id}>{title}</Heading>
          <button type="button" className={styles.switch} aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
            {asTable ? t`Show chart` : t`Show table`}
            <span className="hidden-visually">: {title}</span>
          </button>
        </div>
        {words && <p className="dim">{words}</p>}
      </figcaption>
      {asTable ? (
        <DataTable caption={title} columns={columns} rows={rows} rowKey={(_, index) => String(index)} maxHeight={`${height + 40}px`} />
      ) : (
        <Suspense fallback={<Skeleton height={height} />}>
          <Chart option={option} height={height} onPick={onPick} />
        </Suspense>
      )}
      {below}
    </figure>
  )
}
