/* One row of a grid in full: what was asked, what was expected, and every experiment's answer with its scores and their reasons. */
import { t } from '@lingui/core/macro'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import type { Experiment, GridCell, GridOrder, GridRow } from '../api/types'
import { duration, usd } from '../format/numbers'
import { CopyButton } from '../ui/CommandLine'
import { DataTable } from '../ui/DataTable'
import { Section } from '../ui/Page'
import { Answer, Empty } from '../ui/states'
import { Status } from '../ui/Status'
import { Untrusted, Value } from '../ui/text'
import styles from './Beside.module.css'
import { Said, textBeside } from './Grid'
import type { Against } from './gridaddress'
import { gridRowsQuery } from './queries'
import { changeOf } from './words'

/** Long enough for any answer that one would read. */
const WHOLE = 200_000

/** A cell that was opened here, and how; a link to one is none. */
export type Opened = { row: number; column: number; by: 'key' | 'pointer' }
type BesideProps = { experiments: readonly Experiment[]; order: GridOrder; row: number; column: number; against: Against; isGoing: boolean; opened: Opened | null }

export function Beside({ experiments, order, row, column, against, isGoing, opened }: BesideProps) {
  const found = useQuery(gridRowsQuery(order.experiment_ids, [row], isGoing, WHOLE))
  const heading = useRef<HTMLHeadingElement>(null)
  // It stands below the grid, often out of sight: who opens it is led there, a keyboard with its focus.
  useEffect(() => {
    if (opened === null || opened.row !== row || opened.column !== column) return
    if (opened.by === 'key') heading.current?.focus({ preventScroll: true })
    heading.current?.scrollIntoView({ block: opened.by === 'key' ? 'start' : 'nearest' })
  }, [opened, row, column])
  return (
    <Section title={t`Row ${row}`} heading={heading} beside={<span className="row"><CopyButton text={window.location.href} what={t`link to this cell`} /><span className="dim">{t`link to this cell`}</span></span>}>
      <Answer query={found} what={t`the row`}>
        {([one]) => (one === undefined ? <Empty title={t`None of these experiments has this row`} /> : <Whole experiments={experiments} order={order} row={one} column={column} against={against} />)}
      </Answer>
    </Section>
  )
}

function Whole({ experiments, order, row, column, against }: { experiments: readonly Experiment[]; order: GridOrder; row: GridRow; column: number; against: Against }) {
  const facts = Object.entries(row.metadata)
  return (
    <>
      <div className={styles.asked}>
        <div><h3>{t`Input`}</h3>{typeof row.input === 'string' ? <Untrusted text={row.input} /> : <Value value={row.input} />}</div>
        <div><h3>{t`Expected`}</h3>{row.expected === null ? <span className="dim">{t`nothing`}</span> : <Untrusted text={row.expected} />}</div>
        {facts.length > 0 && <div><h3>{t`Further columns`}</h3>{facts.slice(0, 12).map(([name, value]) => <p key={name}><span className="dim">{name}</span> <Value value={value} /></p>)}</div>}
      </div>
      <div className={styles.answers}>
        {experiments.map((one, place) => {
          const cell = row.cells[place] ?? null
          return (
            <article key={one.experiment_id} className={styles.answer} data-chosen={place + 1 === column || undefined} aria-label={one.name}>
              <h3><Link to="/experiments/$experimentId" params={{ experimentId: one.experiment_id }}>{one.name}</Link></h3>
              {cell === null ? <p className="dim">{t`It was not asked this row.`}</p> : <Answered row={row} cell={cell} place={place} order={order} against={against} />}
            </article>
          )
        })}
      </div>
    </>
  )
}

function Answered({ row, cell, place, order, against }: { row: GridRow; cell: GridCell; place: number; order: GridOrder; against: Against }) {
  const change = place === 0 ? null : changeOf(row.cells[0] ?? null, cell, order)
  return (
    <>
      <p className="dim row">
        {change !== null && <Status state={change > 0 ? 'better' : 'worse'} word={change > 0 ? t`improved` : t`regressed`} />}
        <span>{duration(cell.latency_ms)}, {usd(cell.cost_usd)}{cell.answers > 1 && `, ${t`mean of ${cell.answers} answers; the first is shown`}`}</span>
        {cell.trace_id && <Link to="/traces/$traceId" params={{ traceId: cell.trace_id }}>{t`its trace`}</Link>}
      </p>
      <div className={styles.said} tabIndex={0} role="region" aria-label={t`Answer ${place + 1}`}>
        {cell.output === null ? <span className="untrusted" dir="auto">{t`no answer: ${cell.error ?? ''}`}</span> : <Said text={cell.output} than={textBeside(row, place, against)} />}
        {cell.is_cut && <p className="dim">{t`It goes on; its trace has all of it.`}</p>}
      </div>
      <DataTable
        caption={t`Scores of answer ${place + 1}`}
        rows={cell.scores}
        rowKey={(score) => score.name}
        columns={[
          { head: t`Scorer`, cell: (score) => score.name.replaceAll('_', ' ') },
          { head: t`Score`, cell: (score) => score.value ?? t`not judged`, numeric: true },
          { head: t`Why`, cell: (score) => <Value value={[score.label?.replaceAll('_', ' '), score.reason].filter(Boolean).join(': ') || null} />, wide: true },
        ]}
      />
    </>
  )
}
