/* A schedule in words. Pure. */
import { t } from '@lingui/core/macro'
import type { Schedule } from '../api/types'
import { count } from '../format/numbers'

/** What sets it off: 'at 500 corrected answers, or when drift fires'. */
export function setOffBy({ corrected_answers, monitor }: Pick<Schedule, 'corrected_answers' | 'monitor'>): string {
  const parts = [corrected_answers != null && t`at ${count(corrected_answers)} corrected answers`, monitor != null && t`when ${monitor} fires`].filter(Boolean)
  return parts.length > 0 ? parts.join(t`, or `) : t`nothing`
}

/** How far it is: '120 of 500 corrected'. */
export function howNear({ corrected_answers, num_corrected }: Pick<Schedule, 'corrected_answers' | 'num_corrected'>): string {
  return corrected_answers == null ? t`${count(num_corrected)} corrected` : t`${count(num_corrected)} of ${count(corrected_answers)} corrected`
}
