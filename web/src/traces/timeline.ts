/* What a list of traces came to over time, laid out for a chart: a place for each step, also where nothing began. Pure. */
import { t } from '@lingui/core/macro'
import type { TraceChart } from '../api/types'
import { count, duration, usd } from '../format/numbers'

export const FIGURES = ['requests', 'errors', 'latency', 'cost'] as const
export type FigureName = (typeof FIGURES)[number]
export type Bar = TraceChart['bars'][number]

export const FIGURE_WORDS: Record<FigureName, string> = { requests: t`Traces`, errors: t`Failed`, latency: t`Latency (p95)`, cost: t`Cost` }

/** One place for each step from the first to the last; null where no trace began. */
export function laidOut({ since, until, step_seconds, bars }: Pick<TraceChart, 'since' | 'until' | 'step_seconds' | 'bars'>): { at: number; bar: Bar | null }[] {
  const known = new Map(bars.map((bar) => [Date.parse(bar.at), bar]))
  const laid: { at: number; bar: Bar | null }[] = []
  for (let at = Date.parse(since); at < Date.parse(until); at += step_seconds * 1000) laid.push({ at, bar: known.get(at) ?? null })
  return laid
}

/** The height of a bar; null where there is none to draw. */
export function valueOf(name: FigureName, bar: Bar | null): number | null {
  if (bar === null) return null
  switch (name) {
    case 'requests': return bar.count
    case 'errors': return bar.error_count
    case 'latency': return bar.latency_p95_ms
    case 'cost': return bar.cost_usd === null ? null : Number(bar.cost_usd)
  }
}

export function sayFigure(name: FigureName, value: number | null | undefined): string {
  if (value == null) return t`unknown`
  return name === 'latency' ? duration(value) : name === 'cost' ? usd(value) : count(value)
}

export function sayCost({ cost_usd, unpriced_count }: Pick<Bar, 'cost_usd' | 'unpriced_count'>): string {
  if (cost_usd === null) return t`unknown`
  return unpriced_count > 0 ? t`at least ${usd(cost_usd)}` : usd(cost_usd)
}

/** The time of one step, as the list's filter takes it. */
export function timeOf(at: number, stepSeconds: number): { since: string; until: string } {
  return { since: new Date(at).toISOString(), until: new Date(at + stepSeconds * 1000).toISOString() }
}
