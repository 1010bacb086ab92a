/* What a chart shows, in words: two that people gave one title are told apart by it. Pure. */
import { t } from '@lingui/core/macro'
import { watchedInWords } from '../monitoring/words'
import type { Chart } from './queries'

export const BY: Record<NonNullable<Chart['by']>, string> = {
  endpoint: t`A line for each endpoint`, release_id: t`A line for each release`, model: t`A line for each model`, key_id: t`A line for each key`, user_id: t`A line for each user`,
  service_name: t`A line for each service`, kind: t`A line for each kind of span`, error_code: t`A line for each kind of error`, model_version_id: t`A line for each model version’s engine`,
}

/** 'Latency, p95 of support · A line for each model'. */
export function chartInWords({ signal, by }: Pick<Chart, 'signal' | 'by'>): string {
  return [watchedInWords(signal, false), by && BY[by]].filter(Boolean).join(' · ')
}
