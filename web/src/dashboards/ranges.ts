/* The times that a dashboard can show, and the lines of a chart laid out over them. Pure. */
import { t } from '@lingui/core/macro'
import type { Watched } from '../api/types'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const STEPS = { minute: MINUTE, hour: HOUR, day: DAY } as const

export type Step = keyof typeof STEPS
export type Span = { since: string; until: string; step: Step }

const RANGES = {
  '1h': { label: t`The last hour`, ms: HOUR, step: 'minute' },
  '6h': { label: t`Six hours`, ms: 6 * HOUR, step: 'minute' },
  '24h': { label: t`24 hours`, ms: DAY, step: 'hour' },
  '7d': { label: t`Seven days`, ms: 7 * DAY, step: 'hour' },
  '30d': { label: t`30 days`, ms: 30 * DAY, step: 'day' },
  '90d': { label: t`90 days`, ms: 90 * DAY, step: 'day' },
} as const satisfies Record<string, { label: string; ms: number; step: Step }>

export type RangeName = keyof typeof RANGES
export const RANGE_CHOICES = (Object.keys(RANGES) as RangeName[]).map((value) => ({ value, label: RANGES[value].label }))

export const rangeOf = (said: string | undefined): RangeName => RANGE_CHOICES.find(({ value }) => value === said)?.value ?? '24h'

/** The time to show where nobody chose one: a day, but the last hour while traffic is so young that a day would show single dots. */
export function usualRange(lines: readonly Line[], day: Span | undefined): RangeName {
  const begins = lines.flatMap(({ points }) => points.map(({ at }) => Date.parse(at)))
  const young = Date.parse(day?.until ?? '') - 2 * STEPS.hour
  return begins.length > 0 && begins.every((at) => at >= young) ? '1h' : '24h'
}

/** From a whole step to the end of the one that goes on now. */
export function spanOf(range: RangeName, now: number): Span {
  const { ms, step } = RANGES[range]
  const until = Math.ceil((now + 1) / STEPS[step]) * STEPS[step]
  return { since: new Date(until - ms).toISOString(), until: new Date(until).toISOString(), step }
}

/** Figures that are sums: where nothing happened they are 0 and not unknown. */
const SUMS = new Set<Watched['metric']>(['requests', 'errors', 'cost_usd', 'tokens', 'input_tokens', 'output_tokens'])

export const isSum = (metric: Watched['metric']): boolean => SUMS.has(metric)

type Line = { points: { at: string; value: number | null }[] }

/** One value for each step, so that a time without traffic is a 0 or a gap and not a line drawn across it. */
export function laidOut(line: Line, span: Span, metric: Watched['metric']): [at: number, value: number | null][] {
  const known = new Map(line.points.map(({ at, value }) => [Date.parse(at), value]))
  const laid: [number, number | null][] = []
  for (let at = Date.parse(span.since); at < Date.parse(span.until); at += STEPS[span.step]) {
    laid.push([at, known.has(at) ? (known.get(at) ?? null) : isSum(metric) ? 0 : null])
  }
  return laid
}

/** Whether a value stands alone, so that a line would not show it. */
export function hasLonely(laid: readonly [number, number | null][]): boolean {
  return laid.some(([, value], index) => value !== null && (laid[index - 1]?.[1] ?? null) === null && (laid[index + 1]?.[1] ?? null) === null)
}
