/* Limits, routing and the cache in words. Pure. */
import { t } from '@lingui/core/macro'
import type { Endpoint } from '../api/types'
import { count, duration, measure, percent, usd } from '../format/numbers'

export type Settings = NonNullable<Endpoint['settings']>
type Bound = { amount: number; unit: string; window: string | null }

export const STRATEGIES = { weighted: t`by weight`, latency: t`the fastest of late`, least_busy: t`the least busy`, cheapest: t`the cheapest` } as const

export function pickedBy(routing: Settings['routing']): string {
  const regions = routing?.regions ?? []
  const attempts = routing?.retries?.attempts
  return [STRATEGIES[routing?.strategy ?? 'weighted'], regions.length > 0 && t`in ${regions.join(', ')}`, routing?.sticky && t`sticky by session`, attempts != null && t`at most ${attempts} attempts`, routing?.hedge && t`hedged`]
    .filter(Boolean)
    .join(', ')
}

export function cachedHow(cache: Settings['cache']): string {
  if (!cache?.mode || cache.mode === 'off') return t`off`
  const kept = duration(1000 * (cache.ttl_seconds ?? 0))
  if (cache.mode === 'exact') return t`the same request, for ${kept}`
  return t`the same or a similar request (from ${measure(cache.threshold)}), for ${kept}; ${percent(cache.check_share ?? 0, 0)} of hits checked`
}

const UNITS: Record<string, string> = { requests: t`requests`, tokens: t`tokens` }

export const amountOf = (unit: string, amount: number): string => (unit === 'usd' ? usd(amount) : count(amount))

/** '50.00 USD a day', '3 at once'. */
export function boundInWords({ amount, unit, window }: Bound): string {
  if (unit === 'concurrency') return t`${count(amount)} at once`
  const most = unit === 'usd' ? usd(amount) : `${count(amount)} ${UNITS[unit] ?? unit}`
  return window === 'day' ? t`${most} a day` : window === 'month' ? t`${most} a month` : window === 'hour' ? t`${most} an hour` : window === 'minute' ? t`${most} a minute` : `${most} / ${window}`
}

const ALONE = { key: t`each key`, endpoint: t`each endpoint`, user: t`each end user`, project: t`the whole project` } as const

export function boundOf(limit: { scope: keyof typeof ALONE; subject: string | null; subject_name?: string | null }): string {
  if (limit.subject === null) return ALONE[limit.scope]
  return `${limit.scope === 'user' ? t`end user` : limit.scope} ${limit.subject_name ?? limit.subject}`
}
