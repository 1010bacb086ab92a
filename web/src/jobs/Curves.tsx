/* A run's curves, one chart per quantity, live while it runs. */
import { t } from '@lingui/core/macro'
import { useQuery } from '@tanstack/react-query'
import { useMemo, type ReactNode } from 'react'
import { count, measure } from '../format/numbers'
import { Figure } from '../ui/Figure'
import { Section } from '../ui/Page'
import { DASHES } from '../ui/palette'
import { Answer } from '../ui/states'
import type { MetricPoint } from '../api/types'
import { groupCurves, type CurveGroup } from './grouping'
import { metricsQuery } from './queries'

export function Curves({ runId, going, empty = null }: { runId: string; going: boolean; empty?: ReactNode }) {
  const metrics = useQuery(metricsQuery(runId, going))
  return (
    <Answer query={metrics} what={t`curves`}>
      {(points) => <Groups points={points} empty={empty} />}
    </Answer>
  )
}

/** Kept while the points are the same: a chart that is drawn anew closes what is pointed at. */
function Groups({ points, empty }: { points: readonly MetricPoint[]; empty: ReactNode }) {
  const groups = useMemo(() => groupCurves(points), [points])
  if (groups.length === 0) return <>{empty}</>
  return (
    <Section title={t`Curves`}>
      <div className="columns">{groups.map((group) => <CurveFigure key={group.title} group={group} />)}</div>
    </Section>
  )
}

export function CurveFigure({ group }: { group: CurveGroup }) {
  const option = useMemo(
    () => ({
      xAxis: { type: 'value', name: t`step`, min: 'dataMin', max: 'dataMax', minInterval: 1 },
      yAxis: { type: 'value', scale: true },
      tooltip: { trigger: 'axis', confine: true, valueFormatter: (value: unknown) => measure(Number(value)) },
      series: group.curves.map((curve, index) => ({
        name: curve.name.replaceAll('_', ' '), type: 'line', showSymbol: curve.points.length < 12, symbolSize: 5, data: curve.points,
        lineStyle: { type: DASHES[index % DASHES.length], width: 2 },
      })),
    }),
    [group],
  )
  const rows = group.curves.flatMap((curve) => curve.points.map(([step, value]) => ({ name: curve.name, step, value })))
  const last = group.curves.map((curve) => `${curve.name.replaceAll('_', ' ')} ${measure(curve.points.at(-1)?.[1])}`).join(', ')
  return (
    <Figure
      title={group.title.charAt(0).toUpperCase() + group.title.slice(1)}
      words={t`Last: ${last}.`}
      option={option}
      rows={rows}
      columns={[
        { head: t`Curve`, cell: (row) => row.name.replaceAll('_', ' ') },
        { head: t`Step`, cell: (row) => count(row.step), numeric: true },
        { head: t`Value`, cell: (row) => measure(row.value), numeric: true },
      ]}
    />
  )
}
