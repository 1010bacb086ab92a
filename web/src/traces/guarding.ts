/* What guards did on a request, as its span keeps it. Spans from elsewhere may hold anything under the same name. Pure. */
import { t } from '@lingui/core/macro'
import type { Span } from '../api/types'

export type GuardSeen = {
  guard: string
  check: string
  stage: string
  /** What happens to a hit here. */
  action: string
  /** What was found, how often; empty when nothing was. */
  kinds: [kind: string, times: number][]
  costMs: number | null
  /** Whether it gave no verdict in time. */
  late: boolean
}

/** Those that found something or were late come first, else in the order in which they looked. */
export function guardsOf(span: Pick<Span, 'attributes'>): GuardSeen[] {
  const kept = span.attributes?.['treadle.guards']
  const seen = Array.isArray(kept) ? kept.filter(isObject).map(read) : []
  return [...seen.filter(matters), ...seen.filter((each) => !matters(each))]
}

export function matters(seen: GuardSeen): boolean {
  return seen.late || seen.kinds.length > 0
}

/** What became of it, in a word that Status has a tone for. */
export function outcomeOf(seen: GuardSeen): string {
  if (seen.late) return t`no verdict in time`
  if (seen.kinds.length === 0) return t`found nothing`
  return { allow: t`let pass`, mask: t`masked`, block: t`blocked` }[seen.action] ?? seen.action
}

function read(kept: Record<string, unknown>): GuardSeen {
  const cost = kept.cost_us
  return {
    guard: String(kept.guard ?? t`unnamed`),
    check: String(kept.check ?? ''),
    stage: String(kept.stage ?? ''),
    action: String(kept.action ?? ''),
    kinds: isObject(kept.kinds) ? Object.entries(kept.kinds).map(([kind, times]) => [kind, Number(times)]) : [],
    costMs: typeof cost === 'number' ? cost / 1000 : null,
    late: kept.late === true,
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
