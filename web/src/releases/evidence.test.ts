/* What the evidence charts are drawn from. */
import { expect, test } from 'vitest'
import type { EvidencePoint, GuardEvidence } from '../api/types'
import { badShare, evidenceLimits, readingsOf, timesLikelier } from './evidence'

const guard = (over: Partial<GuardEvidence> = {}): GuardEvidence => ({
  guard: 'bad_answers', stable_units: 90, stable_bad: 9, candidate_units: 0, candidate_bad: 0,
  log10_e_bad: 0, log10_e_good: 0, rollback_at: 20, promote_at: 20, units_left: null, words: '', ...over,
})
const point = (units: number, event: string | null = null): EvidencePoint => ({
  rollout_id: 'rol_1', sequence: units, at: '2026-01-01T00:00:00Z', status: 'running', stage: 'canary', step: 0, weight: 0.1, units, evidence: [guard()], event,
})

test('thinning keeps the first, the last and every eventful reading', () => {
  const points = Array.from({ length: 5001 }, (_, index) => point(index, index === 777 ? 'step 2 of 3: 25 %' : null))

  const readings = readingsOf(points, 'bad_answers')

  expect(readings.length).toBeLessThan(450)
  expect(readings[0]?.units).toBe(0)
  expect(readings.at(-1)?.units).toBe(5000)
  expect(readings.some((reading) => reading.event === 'step 2 of 3: 25 %')).toBe(true)
})

test('a guard that no reading holds has no readings', () => {
  expect(readingsOf([point(1)], 'latency')).toEqual([])
})

test('an arm without units has no share, not a share of zero', () => {
  expect(badShare(guard(), 'candidate')).toBeNull()
  expect(badShare(guard(), 'stable')).toBe(0.1)
})

test('odds are said both ways round and never past a million', () => {
  expect(timesLikelier(0)).toBe('1×')
  expect(timesLikelier(Math.log10(20))).toBe('20×')
  expect(timesLikelier(-1)).toBe('1/10×')
  expect(timesLikelier(12)).toBe('> 1,000,000×')
})

test('both bounds are in sight even when nothing has happened', () => {
  const readings = readingsOf([point(1)], 'bad_answers')

  const [low, high] = evidenceLimits(readings)

  expect(low).toBeLessThanOrEqual(-1)
  expect(high).toBeGreaterThanOrEqual(Math.log10(20))
})
