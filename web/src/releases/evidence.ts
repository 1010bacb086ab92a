/* From the readings of a rollout to what its charts draw. Pure. Readings are in order; each holds every guard. */
import type { EvidencePoint, GuardEvidence } from '../api/types'
import { count } from '../format/numbers'

/** More points than a screen is wide only cost time. */
const MOST_POINTS = 400
/** Base-10 logarithms. */
const LEAST = -2
const MOST = 6

export type Reading = { units: number; at: string; weight: number; step: number; event: string | null; guard: GuardEvidence }

/** One guard's readings, thinned evenly to what a screen can show. First, last and every eventful reading stay. */
export function readingsOf(points: readonly EvidencePoint[], guard: string): Reading[] {
  const all = points.flatMap((point) => {
    const found = point.evidence.find((one) => one.guard === guard)
    return found
      ? [{ units: point.units, at: point.at, weight: point.weight, step: point.step, event: point.event ?? null, guard: found }]
      : []
  })
  if (all.length <= MOST_POINTS) return all
  const every = Math.ceil(all.length / MOST_POINTS)
  return all.filter((reading, index) => index % every === 0 || index === all.length - 1 || reading.event !== null)
}

/** The share of an arm's units that went bad; null before the arm has any. */
export function badShare(guard: GuardEvidence, arm: 'stable' | 'candidate'): number | null {
  const units = arm === 'stable' ? guard.stable_units : guard.candidate_units
  const bad = arm === 'stable' ? guard.stable_bad : guard.candidate_bad
  return units === 0 ? null : bad / units
}

/** 10 to a power, said as odds: 0 -> "1x", 1.3 -> "20x", -1 -> "1/10x". */
export function timesLikelier(log10: number): string {
  if (log10 >= 6) return `> ${count(1e6)}×`
  if (log10 <= -6) return `< 1/${count(1e6)}×`
  const size = Math.pow(10, Math.abs(log10))
  const shown = size >= 10 ? count(Math.round(size)) : count(Number(size.toFixed(1)))
  return log10 >= 0 || shown === '1' ? `${shown}×` : `1/${shown}×`
}

/** Limits of the evidence axis, so that both bounds and every reading are in sight; never further than is of use: below a
    hundredth nothing is decided any more, above a million times nothing is added. */
export function evidenceLimits(readings: readonly Reading[]): [low: number, high: number] {
  let low = -1
  let high = 1.5
  for (const { guard } of readings) {
    low = Math.min(low, guard.log10_e_bad, guard.log10_e_good)
    high = Math.max(high, guard.log10_e_bad, guard.log10_e_good, Math.log10(guard.rollback_at), Math.log10(guard.promote_at))
  }
  return [Math.max(LEAST, Math.floor(low)), Math.min(MOST, Math.ceil(high))]
}
