/* The list's traces over time: how many, how many failed, how slow, how dear. A press on a bar, or on its row in the table, narrows the
   list to that time. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { NativeSelect } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useMemo, type ReactNode } from 'react'
import { problemOf } from '../api/problem'
import type { TraceChart } from '../api/types'
import { count } from '../format/numbers'
import { sh } from '../format/shell'
import { day, exact } from '../format/times'
import { CommandLine } from '../ui/CommandLine'
import { Figure } from '../ui/Figure'
import { Loading, ProblemState } from '../ui/states'
import { FIGURE_WORDS, FIGURES, laidOut, sayCost, sayFigure, timeOf, valueOf, type FigureName } from './timeline'
import { chartQuery, type TraceFilter } from './queries'
import styles from './Traces.module.css'
import { inWords } from './words'

/** What failed is told from the rest without colour, too. */
const HATCHED = { decal: { symbol: 'rect', dashArrayX: [1, 0], dashArrayY: [2, 4], rotation: -Math.PI / 4, color: 'rgba(255, 255, 255, 0.55)' } }

/** The least height is for what there is little of, not for nothing. */
const drawn = (value: number | null): number | null => value || null

type OverTimeProps = { filter: TraceFilter; figure: FigureName; choose: (figure: FigureName) => void; narrow: (time: { since: string; until: string }) => void }

export function OverTime({ filter, figure, choose, narrow }: OverTimeProps) {
  const answer = useQuery(chartQuery(filter))
  if (answer.data === undefined) return answer.error ? <ProblemState problem={problemOf(answer.error)} retry={() => void answer.refetch()} /> : <Loading what={t`the traces over time`} />
  return <Drawn chart={answer.data} isBefore={answer.isPlaceholderData} filter={filter} figure={figure} choose={choose} narrow={narrow} />
}

/** `isBefore`: it is of the filter before this one, and nothing is said of it or done with it. */
function Drawn({ chart, isBefore, filter, figure, choose, narrow }: OverTimeProps & { chart: TraceChart; isBefore: boolean }) {
  const laid = useMemo(() => laidOut(chart), [chart])
  const option = useMemo(() => {
    const step = chart.step_seconds * 1000
    const series = figure === 'requests'
      ? [
          { name: t`Not failed`, data: laid.map(({ at, bar }) => [at, bar === null ? null : drawn(bar.count - bar.error_count)]) },
          { name: FIGURE_WORDS.errors, tone: 'bad', data: laid.map(({ at, bar }) => [at, bar === null ? null : drawn(bar.error_count)]), itemStyle: HATCHED },
        ]
      : [{ name: FIGURE_WORDS[figure], ...(figure === 'errors' && { tone: 'bad', itemStyle: HATCHED }), data: laid.map(({ at, bar }) => [at, drawn(valueOf(figure, bar))]) }]
    return {
      // A bar stands around the moment where its step begins.
      xAxis: { type: 'time', min: Date.parse(chart.since) - step / 2, max: Date.parse(chart.until) - step / 2 },
      yAxis: { type: 'value', min: 0, splitNumber: 2, ...(figure === 'requests' || figure === 'errors' ? { minInterval: 1 } : {}), axisLabel: { formatter: (value: number) => sayFigure(figure, value) } },
      tooltip: { trigger: 'axis', confine: true, axisPointer: { type: 'shadow' }, valueFormatter: (value: unknown) => sayFigure(figure, value as number | null) },
      series: series.map((one) => ({ type: 'bar', stack: 'all', barCategoryGap: '18%', barMinHeight: 2, cursor: 'pointer', ...one })),
    }
  }, [chart, laid, figure])
  const rows = laid.filter(({ bar }) => bar !== null).toReversed()
  return (
    <Figure
      title={t`Over time`}
      heading="h2"
      words={isBefore ? t`Looking…` : wordsOf(chart)}
      isBusy={isBefore}
      option={option}
      height={130}
      rows={rows}
      onPick={(_, place) => {
        const at = laid[place]?.at
        if (at !== undefined && !isBefore) narrow(timeOf(at, chart.step_seconds))
      }}
      columns={[
        { head: t`From`, cell: ({ at }) => <button type="button" className={styles.time} disabled={isBefore} onClick={() => narrow(timeOf(at, chart.step_seconds))}>{exact(new Date(at).toISOString())}</button>, wide: true },
        { head: FIGURE_WORDS.requests, cell: ({ bar }) => count(bar?.count ?? 0), numeric: true },
        { head: FIGURE_WORDS.errors, cell: ({ bar }) => count(bar?.error_count ?? 0), numeric: true },
        { head: FIGURE_WORDS.latency, cell: ({ bar }) => sayFigure('latency', bar?.latency_p95_ms), numeric: true },
        { head: FIGURE_WORDS.cost, cell: ({ bar }) => (bar ? sayCost(bar) : ''), numeric: true },
      ]}
      below={
        <div className="spread">
          <NativeSelect size="xs" value={figure} onChange={(event) => choose(FIGURES.find((known) => known === event.currentTarget.value) ?? 'requests')} aria-label={t`What is drawn`} data={FIGURES.map((value) => ({ value, label: FIGURE_WORDS[value] }))} />
          <CommandLine command={['treadle trace chart', inWords(filter) && sh`${inWords(filter)}`].filter(Boolean).join(' ')} />
        </div>
      }
    />
  )
}

/** How many there were, in steps of what, and how that was counted. */
function wordsOf({ bars, counted, looked_count, step_seconds, since, until, from_archive: isOfArchive, left_out: leftOut = [] }: TraceChart): ReactNode {
  const num = bars.reduce((sum, bar) => sum + bar.count, 0)
  const step = step_seconds >= 86_400 ? plural(step_seconds / 86_400, { one: 'a day', other: '# days' }) : step_seconds >= 3600 ? plural(step_seconds / 3600, { one: 'an hour', other: '# hours' }) : plural(step_seconds / 60, { one: 'a minute', other: '# minutes' })
  const left = leftOut.map(({ first, last }) => <LeftOut key={first} first={first} last={last} />)
  if (num === 0) return <>{t`No trace from ${exact(since)} until ${exact(until)}.`} {left}</>
  const told = counted === 'sample' ? t`Some ${plural(num, { one: '# trace', other: '# traces' })} from ${exact(since)} until ${exact(until)}, each bar ${step}.` : t`${plural(num, { one: '# trace', other: '# traces' })} from ${exact(since)} until ${exact(until)}, each bar ${step}.`
  return (
    <>
      {told}{' '}
      {counted === 'sample' && <Trans>Estimated from {count(looked_count)} of them, the newest of each quarter of a bar.</Trans>}
      {counted === 'newest' && <Trans>Only the newest {count(looked_count)} that match are counted, because their content decides.</Trans>}
      {counted === 'sums' && <Trans>From the sums that are kept by minute and hour: a request that the gateway answered within a trace counts beside it.</Trans>}
      {isOfArchive && <> <Trans>Archived ones are among them.</Trans></>}
      {left}
    </>
  )
}

/** Archived days that no bar tells of. The day of 1970 stands for spans that said odd times. */
function LeftOut({ first, last }: { first: string; last: string }) {
  if (first === '1970-01-01') return <> <Trans>Archived traces of odd times are left out.</Trans></>
  return <> <Trans>The archived days from {day(first)} to {day(last)} are left out, for only so much of the archive is read for a chart: ask for a shorter time.</Trans></>
}
