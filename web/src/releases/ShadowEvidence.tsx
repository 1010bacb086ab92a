/* What copied requests have shown: agreement, right answers, failures of one side, and what the judge preferred. */
import { t } from '@lingui/core/macro'
import type { Rollout } from '../api/types'
import { count, fixed, percent } from '../format/numbers'
import { Facts, type Fact } from '../ui/Facts'
import { Section } from '../ui/Page'

type Shadow = NonNullable<Rollout['shadow']>
type Stage = Rollout['plan']['shadow']

const within = (low: number, high: number): string => t`${percent(low, 1)} to ${percent(high, 1)}`

export function ShadowEvidence({ shadow, stage }: { shadow: Shadow; stage: Stage }) {
  const judge = stage?.judge
  return (
    <Section title={t`Copied requests`}>
      <Facts
        facts={[
          [t`Pairs`, count(shadow.pairs)],
          [t`Agree`, shadow.agreement == null ? t`none yet` : `${percent(shadow.agreement, 1)} (${within(shadow.agreement_low, shadow.agreement_high)})`],
          [t`Candidate right against stable`, shadow.gain == null ? null : t`${fixed(100 * shadow.gain, 1)} points on ${count(shadow.labelled)} labelled`],
          [t`Failed alone`, t`candidate ${count(shadow.candidate_failed)}, stable ${count(shadow.stable_failed)}`],
          ...(judge ? judged(shadow, judge.endpoint, judge.min_judged ?? 0) : []),
        ]}
      />
    </Section>
  )
}

function judged(shadow: Shadow, endpoint: string, least: number): Fact[] {
  const { wins = 0, ties = 0, losses = 0, unscored = 0 } = shadow
  return [
    [t({ message: 'Judge', context: 'who judges' }), endpoint],
    [t`Candidate by the judge`, t`won ${count(wins)}, tied ${count(ties)}, lost ${count(losses)} of ${count(wins + ties + losses)} judged (${count(least)} needed)`],
    [t`Share of wins`, shadow.preference == null ? t`none yet` : t`${percent(shadow.preference, 1)} (${within(shadow.preference_low ?? 0, shadow.preference_high ?? 1)}), a tie being half a win`],
    [t`Could not be judged`, unscored > 0 ? t`${count(unscored)}, counted for nobody` : null],
  ]
}
