/* How a breaker stands and what can go wrong with a target, in words. */
import { t } from '@lingui/core/macro'
import type { Target } from '../api/types'

export const BREAKERS: Record<Target['state'], { state: string; word: string }> = {
  closed: { state: 'ok', word: t`Asked` },
  open: { state: 'failed', word: t`Left alone` },
  probing: { state: 'held', word: t`Tried with one request` },
  unused: { state: 'off', word: t`Not asked of late` },
}

type Failure = NonNullable<Target['last_failure']>

export const FAILURES: Record<Failure, string> = {
  refused: t`nobody answered`,
  connect_timeout: t`no connection in time`,
  first_token_timeout: t`no first token in time`,
  between_timeout: t`a pause that was too long`,
  total_timeout: t`no whole answer in time`,
  broken: t`the connection broke`,
  bad_answer: t`what came was no answer`,
  too_large: t`the answer was too large`,
  rate_limited: t`too many requests for it`,
  overloaded: t`overloaded`,
  server_error: t`an error of its server`,
  busy: t`busy`,
  unauthorized: t`our key was refused`,
  forbidden: t`it may not do that`,
  rejected: t`the request was at fault`,
}
