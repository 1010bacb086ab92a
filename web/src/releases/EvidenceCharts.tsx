/* A rollout's evidence as it grew: traffic, bad units per arm, and for each guard the two odds with the bounds that decide. */
import { plural, t } from '@lingui/core/macro'
import { useMemo } from 'react'
import type { EvidencePoint } from '../api/types'
import { count, percent } from '../format/numbers'
import { clock } from '../format/times'
import { Figure } from '../ui/Figure'
import { DASHES } from '../ui/palette'
import { badShare, evidenceLimits, readingsOf, timesLikelier, type Reading } from './evidence'

export function TrafficChart({ points }: { points: EvidencePoint[] }) {
  const option = useMemo(
    () => ({
      xAxis: { type: 'value', name: t`units seen`, min: 0, max: points.at(-1)?.units ?? 1 },
      yAxis: { type: 'value', min: 0, max: 1, axisLabel: { formatter: (share: number) => percent(share, 0) } },
      tooltip: { trigger: 'axis', confine: true, valueFormatter: (share: unknown) => percent(Number(share), 0) },
      series: [
        {
          name: t`Candidate’s share`, type: 'line', step: 'end', showSymbol: false, areaStyle: { opacity: 0.12 },
          data: points.map((point) => [point.units, point.weight]),
        },
      ],
    }),
    [points],
  )
  const eventful = points.filter((point) => point.event != null)
  return (
    <Figure
      title={t`Traffic to the candidate`}
      words={t`${percent(points[0]?.weight ?? 0, 0)} at first, ${percent(points.at(-1)?.weight ?? 0, 0)} after ${plural(points.at(-1)?.units ?? 0, { one: '# unit', other: '# units' })}.`}
      option={option}
      height={180}
      rows={eventful.length > 0 ? eventful : points.slice(-1)}
      columns={[
        { head: t`Time`, cell: (point) => clock(point.at) },
        { head: t`Units`, cell: (point) => count(point.units), numeric: true },
        { head: t`Candidate`, cell: (point) => percent(point.weight, 0), numeric: true },
        { head: t`What changed`, cell: (point) => point.event ?? 'nothing', wide: true },
      ]}
    />
  )
}

/** `several`: other guards stand beside this one, so it says its own words. */
export function GuardCharts({ points, guard, several }: { points: EvidencePoint[]; guard: string; several: boolean }) {
  const readings = useMemo(() => readingsOf(points, guard), [points, guard])
  const odds = useMemo(() => oddsOption(readings), [readings])
  const shares = useMemo(() => sharesOption(readings), [readings])
  const last = readings.at(-1)
  if (!last) return null
  const bad = last.guard
  return (
    <>
      <Figure
        title={t`Evidence: ${guard}`}
        words={[t`Dashed: how many times likelier the bad events are if the candidate is worse than if it is equal. Full: if it is equal than if it is worse by the margin.`, several && t`Now: ${bad.words}.`].filter(Boolean).join(' ')}
        option={odds}
        height={260}
        rows={readings}
        columns={[
          { head: t`Units`, cell: (reading) => count(reading.units), numeric: true },
          { head: t`Worse than equal`, cell: (reading) => timesLikelier(reading.guard.log10_e_bad), numeric: true },
          { head: t`Rolls back at`, cell: (reading) => `${count(reading.guard.rollback_at)}×`, numeric: true },
          { head: t`Equal rather than worse by the margin`, cell: (reading) => timesLikelier(reading.guard.log10_e_good), numeric: true },
          { head: t`Promotes at`, cell: (reading) => `${count(reading.guard.promote_at)}×`, numeric: true },
        ]}
      />
      <Figure
        title={t`Bad units: ${guard}`}
        words={t`Candidate ${percent(badShare(bad, 'candidate'))} of ${count(bad.candidate_units)}, stable ${percent(badShare(bad, 'stable'))} of ${count(bad.stable_units)}.`}
        option={shares}
        height={260}
        rows={readings}
        columns={[
          { head: t`Units`, cell: (reading) => count(reading.units), numeric: true },
          { head: t`Candidate bad`, cell: (reading) => t`${count(reading.guard.candidate_bad)} of ${count(reading.guard.candidate_units)}`, numeric: true },
          { head: t`Candidate share`, cell: (reading) => percent(badShare(reading.guard, 'candidate')), numeric: true },
          { head: t`Stable bad`, cell: (reading) => t`${count(reading.guard.stable_bad)} of ${count(reading.guard.stable_units)}`, numeric: true },
          { head: t`Stable share`, cell: (reading) => percent(badShare(reading.guard, 'stable')), numeric: true },
        ]}
      />
    </>
  )
}

function oddsOption(readings: Reading[]) {
  const [low, high] = evidenceLimits(readings)
  const last = readings.at(-1)?.guard
  const clip = (value: number) => Math.min(high, Math.max(low, value))
  const bound = (at: number | undefined, words: string) => ({
    silent: true, symbol: 'none', animation: false, lineStyle: { type: 'solid', width: 1.5, opacity: 0.65 },
    label: { formatter: words, position: 'insideStartTop', fontSize: 11 },
    data: at === undefined ? [] : [{ yAxis: Math.log10(at) }],
  })
  const same = last !== undefined && last.rollback_at === last.promote_at
  return {
    xAxis: { type: 'value', name: t`units seen`, min: 0, max: readings.at(-1)?.units ?? 1 },
    yAxis: { type: 'value', min: low, max: high, interval: high - low > 5 ? 2 : 1, axisLabel: { formatter: timesLikelier } },
    tooltip: { trigger: 'axis', confine: true, valueFormatter: (value: unknown) => timesLikelier(Number(value)) },
    series: [
      {
        name: t`Candidate is worse`, type: 'line', tone: 'bad', showSymbol: false, lineStyle: { type: DASHES[1], width: 2 },
        data: readings.map(({ units, guard }) => [units, clip(guard.log10_e_bad)]),
        markLine: bound(last?.rollback_at, same ? t`either bound: ${count(last.rollback_at)}×` : t`rolls back at ${count(last?.rollback_at)}×`),
      },
      {
        name: t`Candidate is good enough`, type: 'line', tone: 'good', showSymbol: false, lineStyle: { type: DASHES[0], width: 2 },
        data: readings.map(({ units, guard }) => [units, clip(guard.log10_e_good)]),
        markLine: same ? undefined : bound(last?.promote_at, t`promotes at ${count(last?.promote_at)}×`),
      },
    ],
  }
}

function sharesOption(readings: Reading[]) {
  const shares = (arm: 'candidate' | 'stable') => {
    const data = readings.map(({ units, guard }) => [units, badShare(guard, arm)])
    // A line needs two points; one alone is a dot.
    return { data, showSymbol: data.filter(([, share]) => share != null).length < 2 }
  }
  return {
    xAxis: { type: 'value', name: t`units seen`, min: 0, max: readings.at(-1)?.units ?? 1 },
    yAxis: { type: 'value', min: 0, axisLabel: { formatter: (share: number) => percent(share, 0) } },
    tooltip: { trigger: 'axis', confine: true, valueFormatter: (share: unknown) => (share == null ? t`no units yet` : percent(Number(share))) },
    series: [
      { name: t`Candidate`, type: 'line', lineStyle: { type: DASHES[1], width: 2 }, ...shares('candidate') },
      { name: t`Stable`, type: 'line', lineStyle: { type: DASHES[0], width: 2 }, ...shares('stable') },
    ],
  }
}
