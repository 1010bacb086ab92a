/* What a gate asked, and what it says of what serves, in words. Pure. */
import { t } from '@lingui/core/macro'
import type { Gate } from '../api/types'
import { percent } from '../format/numbers'

/** "Not worse than the baseline by more than 1.0 %, a mean of at least 80.0 %, at level 5 %". */
export function askedInWords({ require, margin, minimum_score: least, also_better: also, least_scored: scored, alpha }: Gate['policy']): string {
  const first =
    require === 'better' ? t`Better than the baseline` : require === 'equivalent' ? t`Within ${percent(margin)} of the baseline either way` : t`Not worse than the baseline by more than ${percent(margin)}`
  return [
    first,
    also != null && t`better in ${also.replaceAll('_', ' ')} too`,
    least != null && t`a mean of at least ${percent(least)}, or at most that where less is better`,
    scored > 0 && t`a score of both for at least ${percent(scored)} of the rows`,
  ].filter(Boolean).join(', ') + t`, at level ${percent(alpha, 0)}.`
}

/** Whether what it was held against is what serves; null for gates from before that was kept. */
export function baselineInWords({ baseline_serves: serves }: Pick<Gate, 'baseline_serves'>): string | null {
  if (serves == null) return null
  return serves.length === 0 ? t`Nothing served the baseline when the gate was evaluated, so it says nothing of what serves.` : t`The baseline served behind ${serves.join(', ')} when the gate was evaluated.`
}
