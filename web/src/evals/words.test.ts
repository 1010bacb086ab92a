import { expect, test } from 'vitest'
import { amount, changeOf, costInWords, parameterOf, peopleInWords, pointsOf, rangeInWords, rowsInWords, scoreInWords, textOf, wayOfInterval } from './words'

test('a share is shown in percent, and anything else as it is', () => {
  expect(scoreInWords({ mean: 0.9123, low: 0.898, high: 0.925 })).toBe('91.2 % (89.8 to 92.5 %)')
  expect(scoreInWords({ mean: 3.14159, low: 2.5, high: 4, unit: 'ratio' })).toBe('3.142 (2.5 to 4)')
  expect(amount(120.456, 'milliseconds')).toBe('120.5 ms')
})

test('a figure says where it stopped early, and one without an interval has none', () => {
  expect(scoreInWords({ mean: 0.9, low: 0.8, high: 0.95, stopped_early: true })).toBe('90.0 % (80.0 to 95.0 %), stopped early')
  expect(scoreInWords({ mean: 0.9, low: null, high: null })).toBe('90.0 %')
  expect(wayOfInterval({ low: null, high: null, interval: 'wilson' })).toBe('none: too few rows to tell')
  expect(wayOfInterval({ low: 0.8, high: 0.9, interval: 'clustered', clusters: 12 })).toBe('clustered, 12 clusters')
})

test('a cost counts what nobody knows the price of', () => {
  const judge = { requests: 3, cost_usd: '0.05', abstained: 0, warnings: 0, calibration_id: 'cal_1', expected_good: 0.8, people_good: 0.75, people_low: 0.6, people_high: 0.9, words: '' }
  const metric = { name: 'rubric', mean: 0.9, low: 0.8, high: 0.95, interval: 'wilson', scored: 4, unscored: 0, judge, unit: 'share', higher_is_better: true, stopped_early: false } as const
  expect(costInWords({ cost_usd: '0.75', unpriced_count: 0, metrics: [] })).toBe('$0.75')
  expect(costInWords({ cost_usd: '0.75', unpriced_count: 2, metrics: [metric] })).toBe('$0.75 and 2 answers of no known price; judges: $0.05')
  expect(costInWords({ cost_usd: null, unpriced_count: 2, metrics: [{ ...metric, judge: { ...judge, cost_usd: null } }] })).toBe('no price known; judges: no price known')
  expect(costInWords({ cost_usd: null, unpriced_count: 0, metrics: [] })).toBe('')
  expect(peopleInWords(metric)).toBe('75.0 % (60.0 to 90.0 %)')
  expect(peopleInWords({ judge: { ...judge, people_good: null } })).toBeNull()
})

test('points are score points, and what is none is nothing', () => {
  expect([pointsOf('2'), pointsOf('2,5'), pointsOf(''), pointsOf('100'), pointsOf('-1'), pointsOf('x'), pointsOf(undefined)]).toEqual([0.02, 0.025, undefined, undefined, undefined, undefined, undefined])
})

test('rows without a score are told beside those that are compared', () => {
  expect(rowsInWords({ rows: 40, unscored: 0 })).toBe('40 rows')
  expect(rowsInWords({ rows: 40, unscored: 1 })).toBe('40 rows; 1 more has no score in one or both')
})

test('a parameter is JSON where it is JSON', () => {
  expect(parameterOf('true')).toBe(true)
  expect(parameterOf('["a"]')).toEqual(['a'])
  expect(parameterOf('^ok')).toBe('^ok')
})

test('a cell is better or worse than the baseline as its scorer says', () => {
  const cell = (score: number) => ({ output: '', error: null, is_cut: false, answers: 1, scores: [], means: { s: score }, latency_ms: 1, cost_usd: null, repeat: 1, trace_id: null })
  expect(changeOf(cell(1), cell(0), { scorer: 's', higher_is_better: true })).toBe(-1)
  expect(changeOf(cell(1), cell(0), { scorer: 's', higher_is_better: false })).toBe(1)
  expect(changeOf(cell(1), cell(1), { scorer: 's', higher_is_better: true })).toBeNull()
  expect(changeOf(null, cell(1), { scorer: 's', higher_is_better: true })).toBeNull()
})

test('what was asked last stands for a conversation', () => {
  expect(textOf([{ role: 'user', content: 'a' }, { role: 'user', content: 'b' }])).toBe('b')
  expect(rangeInWords({ low: 0, high: null, higher_is_better: false })).toBe('0 upwards, less is better')
})
