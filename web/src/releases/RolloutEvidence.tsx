/* Where a rollout stands: the decision in words, its numbers, then the charts. */
import { t } from '@lingui/core/macro'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import type { Rollout } from '../api/types'
import { count, duration, percent } from '../format/numbers'
import { Facts } from '../ui/Facts'
import { Section } from '../ui/Page'
import { Answer, Empty } from '../ui/states'
import { Took, useNow } from '../ui/When'
import { GuardCharts, TrafficChart } from './EvidenceCharts'
import { evidenceQuery, isMoving } from './queries'
import { ReleaseLink } from './ReleaseLink'
import { Attention, RolloutState } from './Attention'
import { ShadowEvidence } from './ShadowEvidence'
import { Several } from './Several'
import styles from './RolloutEvidence.module.css'

export function RolloutEvidence({ rollout }: { rollout: Rollout }) {
  const requests = useQueryClient()
  const moving = isMoving(rollout)
  const evidence = useQuery(evidenceQuery(rollout.rollout_id, moving, requests))
  const left = unitsLeft(rollout)
  const steps = rollout.plan.steps?.length ?? 0
  const several = rollout.readout != null
  const now = useNow(moving ? 5000 : 3_600_000)
  return (
    <>
      <div className={styles.decision} data-state={rollout.status} aria-live="polite">
        <RolloutState rollout={rollout} />
        <p>{rollout.reason ?? rollout.words}</p>
      </div>
      <Attention rollout={rollout} />
      <Facts
        facts={[
          [t`Candidate`, several ? null : <ReleaseLink key="candidate" releaseId={rollout.candidate_release_id} />],
          [t`Stable`, <ReleaseLink key="stable" releaseId={rollout.stable_release_id} />],
          [several ? t`Share of the other arms` : t`Candidate’s share`, percent(rollout.weight, 0)],
          [t`Stage`, rollout.stage === 'shadow' ? t`shadow: nobody gets its answers` : rollout.stage === 'bake' ? t`bake: all units, the old release warm` : null],
          [t`Step`, rollout.stage === 'canary' ? t`${Math.min(rollout.step + 1, steps)} of ${steps}` : null],
          [t`Units seen`, count(rollout.units)],
          [t`Units left until promotion`, moving && left !== null ? t`about ${count(left)} if it is as good` : null],
          [t`Time to a decision`, moving && left !== null ? aboutTime(rollout, left, now) : null],
          [moving ? t`Going for` : t`Took`, <Took key="took" from={rollout.started_at} to={rollout.ended_at} running={moving} />],
          [t`Target`, rollout.target?.words],
        ]}
      />
      {rollout.shadow && <ShadowEvidence shadow={rollout.shadow} stage={rollout.plan.shadow} />}
      {rollout.readout && <Several readout={rollout.readout} />}
      <Answer query={evidence} what={t`the evidence`}>
        {(points) =>
          (points.at(-1)?.units ?? 0) === 0 ? (
            <Empty title={t`No evidence`}>{moving ? t`The first request to this endpoint brings the first reading.` : t`It ended before any request came.`}</Empty>
          ) : (
            <Section title={t`Evidence over time`}>
              <TrafficChart points={points} />
              {rollout.evidence.map(({ guard }) => (
                <div className="columns" key={guard}><GuardCharts points={points} guard={guard} several={rollout.evidence.length > 1} /></div>
              ))}
            </Section>
          )
        }
      </Answer>
    </>
  )
}

/** At the pace so far; a rollout that has stood still is not told of in time. */
function aboutTime(rollout: Rollout, left: number, now: number): string | null {
  if (rollout.started_at === null || rollout.units === 0 || rollout.status !== 'running') return null
  const msPerUnit = (now - Date.parse(rollout.started_at)) / rollout.units
  return t`about ${duration(left * msPerUnit)} at the pace so far`
}

/** Promotion waits for the slowest guard; unknown while any guard's is. */
function unitsLeft(rollout: Rollout): number | null {
  const all = rollout.evidence.map((guard) => guard.units_left)
  return all.length > 0 && all.every((units) => units != null) ? Math.max(...all.map(Number)) : null
}
