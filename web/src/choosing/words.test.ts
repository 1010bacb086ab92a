import { expect, test } from 'vitest'
import type { TriedModel } from '../api/types'
import { costInWords, latencyInWords, pointsOf, qualityOf, troublesOf } from './words'

const METRIC = { name: 'exact_match', mean: 0.9, low: 0.8, high: 0.95, interval: 'wilson', scored: 50, unscored: 0, unit: 'share', higher_is_better: true, stopped_early: false } as const
const model = (name: string, more: Partial<TriedModel> = {}): TriedModel =>
  ({ entry: { name, origin: ['endpoint'], hosting: null }, experiment_id: 'exp_1', problem: null, unmet: [], doubts: [], on_front: false, metrics: [METRIC], usd_per_thousand: { value: 0.15, low: 0.14, high: 0.16 }, ...more }) as TriedModel

test('a figure without an interval has none drawn or told', () => {
  expect(qualityOf(model('a'))).toBe('90.0 % (80.0 % to 95.0 %)')
  expect(qualityOf(model('a', { metrics: [{ ...METRIC, low: null, high: null }] }))).toBe('90.0 %')
  expect(qualityOf(model('a', { metrics: [] }))).toBe('not measured')
  expect(latencyInWords({ value: 120, low: 90, high: null })).toBe('120 ms (90 ms or more)')
})

test('a model without a price is in no chart, and is not free', () => {
  const free = model('free', { usd_per_thousand: null })
  expect(costInWords(free)).toBe('no price known')
  expect(costInWords(model('a', { usd_per_thousand: { value: 0.0152, low: 0.0149, high: 0.0155 } }))).toBe('$0.0152 ($0.0149 to $0.0155)')
  expect(pointsOf([free, model('a', { on_front: true }), model('b', { on_front: true })], 'b')).toEqual([
    { name: 'a', group: 'front', cost: 0.15, quality: 0.9 },
    { name: 'b', group: 'recommended', cost: 0.15, quality: 0.9 },
  ])
})

test('all that speaks against a model is told', () => {
  expect(troublesOf(model('a', { problem: 'it did not answer', unmet: ['too slow'], doubts: ['maybe too dear'] }))).toEqual(['it did not answer', 'too slow', 'maybe too dear'])
})
