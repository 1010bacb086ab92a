/* Several releases at once: each arm, each metric of each arm, and what any two come to. */
import { t } from '@lingui/core/macro'
import type { Rollout } from '../api/types'
import { count, percent, significant } from '../format/numbers'
import { DataTable } from '../ui/DataTable'
import { Section } from '../ui/Page'
import { Status } from '../ui/Status'
import { ReleaseLink } from './ReleaseLink'

type Readout = NonNullable<Rollout['readout']>

const between = (low: number | null, high: number | null): string => (low === null || high === null ? t`too early` : t`${short(low)} to ${short(high)}`)
const short = (value: number | null | undefined): string => (value == null ? t`none` : significant(value, 4))

export function Several({ readout }: { readout: Readout }) {
  const release = new Map(readout.arms.map((arm) => [arm.arm, arm.release_id]))
  const named = (arm: string) => (arm === 'stable' ? 'stable' : <ReleaseLink releaseId={release.get(arm) ?? arm} />)
  return (
    <>
      <Section title={t`Arms`}>
        <DataTable
          caption={t`Arms`}
          rows={readout.arms}
          rowKey={(arm) => arm.arm}
          columns={[
            { head: t`Release`, cell: (arm) => <ReleaseLink releaseId={arm.release_id} /> },
            { head: t`Role`, cell: (arm) => (arm.dropped ? <Status state="failed" word={t`dropped`} /> : arm.arm === 'stable' ? 'stable' : 'arm') },
            { head: t`Traffic`, cell: (arm) => percent(arm.weight, 0), numeric: true },
            { head: t`Units`, cell: (arm) => count(arm.units), numeric: true },
            { head: t`Chance to be best`, cell: (arm) => (arm.best_chance == null ? <span className="dim">{t`unknown`}</span> : percent(arm.best_chance, 0)), numeric: true },
            { head: t`Why dropped`, cell: (arm) => arm.dropped ?? '', wide: true },
          ]}
        />
      </Section>
      <Section title={t`Each arm by each metric`}>
        <DataTable
          caption={t`Metrics of the arms`}
          rows={readout.metrics}
          rowKey={(metric) => `${metric.metric} ${metric.arm}`}
          columns={[
            { head: t`Metric`, cell: (metric) => metric.metric },
            { head: t`Arm`, cell: (metric) => named(metric.arm) },
            { head: t`Units`, cell: (metric) => count(metric.units), numeric: true },
            { head: t`Estimate`, cell: (metric) => short(metric.estimate), numeric: true },
            { head: t`Interval`, cell: (metric) => between(metric.low, metric.high) },
          ]}
        />
      </Section>
      <Section title={t`Any two`}>
        <DataTable
          caption={t`Pairs of arms`}
          rows={readout.pairs}
          rowKey={(pair) => `${pair.metric} ${pair.arm} ${pair.other}`}
          columns={[
            { head: t`Metric`, cell: (pair) => pair.metric },
            { head: t`Arm`, cell: (pair) => named(pair.arm) },
            { head: t`Against`, cell: (pair) => named(pair.other) },
            { head: t`Difference`, cell: (pair) => short(pair.difference), numeric: true },
            { head: t`Interval`, cell: (pair) => between(pair.low, pair.high) },
            { head: t`Verdict`, cell: (pair) => <Status state={pair.verdict} /> },
          ]}
        />
      </Section>
    </>
  )
}
