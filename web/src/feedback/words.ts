/* What was said, in words. 1 and 0 are yes and no only where they stand on no scale: of 1 to 5, 1 is the worst. Pure. */
import { t } from '@lingui/core/macro'
import { measure } from '../format/numbers'

export type Said = { value?: number | null; label?: string | null; low?: number | null; high?: number | null }

/** Whether it was a question of yes or no, and the answer. */
export function yesOrNo({ value, low, high }: Said): boolean | null {
  if (low != null || high != null) return null
  return value === 1 ? true : value === 0 ? false : null
}

export function sayValue(said: Said): string {
  if (said.value == null) return said.label ?? ''
  const answer = yesOrNo(said)
  if (answer !== null) return answer ? t`yes` : t`no`
  return said.high == null ? measure(said.value) : t`${measure(said.value)} of ${measure(said.low ?? 0)} to ${measure(said.high)}`
}
