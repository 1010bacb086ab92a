/* What was measured of models that were tried, in words and as points of a chart. Pure. */
import { t } from '@lingui/core/macro'
import type { TriedModel } from '../api/types'
import { amount } from '../evals/words'
import { duration, price } from '../format/numbers'

type Spread = NonNullable<TriedModel['latency_p95_ms']>

/** "$0.15 ($0.14 to $0.16)"; an end that so few rows cannot give is said to be open, and never drawn. */
export function spreadInWords(spread: Spread | null | undefined, tell: (value: number) => string): string {
  if (spread == null) return t`not measured`
  return spread.high == null ? t`${tell(spread.value)} (${tell(spread.low)} or more)` : t`${tell(spread.value)} (${tell(spread.low)} to ${tell(spread.high)})`
}

export const costInWords = ({ usd_per_thousand: cost }: Pick<TriedModel, 'usd_per_thousand'>): string => (cost == null ? t`no price known` : spreadInWords(cost, price))

export const latencyInWords = (spread: Spread | null | undefined): string => spreadInWords(spread, duration)

/** What speaks against a model, all of it. */
export function troublesOf({ problem, unmet = [], doubts = [] }: Pick<TriedModel, 'problem' | 'unmet' | 'doubts'>): string[] {
  return [...(problem === null ? [] : [problem]), ...unmet, ...doubts]
}

export type Point = { name: string; group: Group; cost: number; quality: number }
export type Group = 'recommended' | 'front' | 'other'

/** The models of which both quality and cost are known; the others are in the table only. */
export function pointsOf(tried: readonly TriedModel[], recommended: string | null): Point[] {
  return tried.flatMap(({ entry: { name }, metrics, usd_per_thousand: cost, on_front }) => {
    const quality = metrics?.[0]?.mean
    if (quality == null || cost == null) return []
    return [{ name, group: name === recommended ? 'recommended' : on_front ? 'front' : 'other', cost: cost.value, quality } as const]
  })
}

export const GROUPS: Record<Group, { word: string; symbol: string }> = {
  recommended: { word: t`recommended`, symbol: 'diamond' },
  front: { word: t`on the front`, symbol: 'circle' },
  other: { word: t`not on the front`, symbol: 'emptyTriangle' },
}

/** Quality as its scorer's unit says, with its interval where there is one. */
export function qualityOf({ metrics }: Pick<TriedModel, 'metrics'>): string {
  const first = metrics?.[0]
  if (first?.mean == null) return t`not measured`
  if (first.low == null || first.high == null) return amount(first.mean, first.unit)
  return t`${amount(first.mean, first.unit)} (${amount(first.low, first.unit)} to ${amount(first.high, first.unit)})`
}
