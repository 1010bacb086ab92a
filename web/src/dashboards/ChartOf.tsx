/* One chart of a dashboard: a line for each group, and the same figures as a table. */
import { plural, t } from '@lingui/core/macro'
import { useQueries, useQuery } from '@tanstack/react-query'
import { useMemo, type ReactNode } from 'react'
import { problemOf } from '../api/problem'
import { exact } from '../format/times'
import { figure } from '../monitoring/words'
import { releaseQuery } from '../releases/queries'
import { Figure } from '../ui/Figure'
import { DASHES } from '../ui/palette'
import { Panel } from '../ui/Page'
import { Loading, ProblemState } from '../ui/states'
import { chartQuery, type Chart } from './queries'
import { hasLonely, isSum, laidOut, type RangeName } from './ranges'
import { chartInWords } from './words'

const HEIGHT = 190

type ChartOfProps = {
  chart: Chart
  range: RangeName
  endpoint: string | undefined
  /** Whoever kept it gave it its title; what it shows is said beside. */
  isKept?: boolean
  below?: ReactNode
}

export function ChartOf({ chart, range, endpoint, isKept = false, below }: ChartOfProps) {
  const answer = useQuery(chartQuery(chart, range, endpoint))
  const lines = useMemo(() => answer.data?.data.lines ?? [], [answer.data])
  const names = useNames(chart, lines.map(({ group }) => group))
  const named = names.join('\n')
  const metric = chart.signal.metric ?? 'requests'
  const option = useMemo(() => {
    const span = answer.data?.span
    const said = named.split('\n')
    return {
      xAxis: { type: 'time', min: span?.since, max: span?.until },
      yAxis: { type: 'value', min: 0, splitNumber: 3, ...(metric.endsWith('_rate') ? { max: mostShare } : {}), ...(isSum(metric) && metric !== 'cost_usd' ? { minInterval: 1 } : {}), axisLabel: { formatter: (value: number) => figure(metric, value).replace(/\.0 (%|ms)$/, ' $1') } },
      legend: { type: 'scroll', itemStyle: { opacity: 0 } },
      tooltip: { trigger: 'axis', confine: true, valueFormatter: (value: unknown) => figure(metric, value as number | null) },
      series: lines.map((line, index) => {
        const data = span ? laidOut(line, span, metric) : []
        return { name: said[index], type: 'line', showSymbol: hasLonely(data), symbolSize: 5, connectNulls: false, lineStyle: { type: DASHES[index % DASHES.length], width: 1.75 }, data }
      }),
    }
  }, [answer.data, lines, metric, named])
  if (answer.data === undefined)
    return <Panel>{answer.error ? <ProblemState problem={problemOf(answer.error)} retry={() => void answer.refetch()} /> : <Loading what={chart.title} />}</Panel>
  const left = answer.data.data.left_out
  const unpriced = lines.reduce((sum, { points }) => sum + points.reduce((own, point) => own + point.unpriced_count, 0), 0)
  const note = lines.every(({ points }) => points.every(({ value }) => value === null)) ? t`No data in this time.` : unpriced > 0 ? t`What it comes to at the least: ${plural(unpriced, { one: '# call has', other: '# calls have' })} no known price.` : left > 0 ? t`The ${plural(lines.length, { one: '# line', other: '# lines' })} with the most requests; ${plural(left, { one: '# more is', other: '# more are' })} left out.` : undefined
  const rows = lines.flatMap((line, index) => [...line.points].reverse().map((point) => ({ ...point, name: names[index] ?? '' })))
  return (
    <Figure
      title={chart.title.replace(/ \((ms|USD|bytes|%|% of a core)\)$/, '')}
      words={isKept ? <>{chartInWords(chart)}{note && <><br />{note}</>}</> : note}
      option={option}
      height={HEIGHT}
      rows={rows}
      below={below}
      columns={[
        { head: t`When`, cell: (row) => exact(row.at) },
        ...(chart.by ? [{ head: t`Of`, cell: (row: (typeof rows)[number]) => row.name, wide: true }] : []),
        { head: t`Value`, cell: (row) => (row.unpriced_count > 0 && row.value !== null ? t`at least ${figure(metric, row.value)}` : figure(metric, row.value)), numeric: true },
        { head: t`Requests`, cell: (row) => String(row.spans), numeric: true },
      ]}
    />
  )
}

/** A share is at most 1, also where an axis would like to end at a rounder number. */
const mostShare = ({ max }: { max: number }): number | null => (max > 0.75 || !(max > 0) ? 1 : null)

/** What people call each line's group: releases by name and version, others as they are. */
function useNames(chart: Chart, groups: (string | null)[]): string[] {
  const ours = chart.by === 'release_id' ? groups : []
  const releases = useQueries({ queries: ours.map((group) => ({ ...releaseQuery(group ?? ''), enabled: group?.startsWith('rel_') ?? false, retry: false })) })
  return groups.map((group, index) => {
    const release = releases[index]?.data
    if (release) return `${release.name} v${release.version}`
    return group ?? (chart.by ? t`none` : t`all`)
  })
}
