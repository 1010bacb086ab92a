/* What alerts and monitors say. */
import { expect, test } from 'vitest'
import { actionInWords, figure, ruleInWords, tracesOf, watchedInWords } from './words'

test('a figure has the unit of what it measures', () => {
  expect(figure('error_rate', 0.25)).toBe('25.0 %')
  expect(figure('latency_p95', 1250)).toBe('1.3 s')
  expect(figure('requests', 1200)).toBe('1,200')
  expect(figure('cost_usd', null)).toBe('no data')
})

test('a rule says what is bad', () => {
  expect(ruleInWords({ signal: { metric: 'error_rate' }, rule: { kind: 'threshold', above: 0.1, below: null, margin: 0 } })).toBe('above 10.0 %')
  expect(ruleInWords({ signal: { metric: 'requests' }, rule: { kind: 'threshold', above: 90, below: 2, margin: 0 } })).toBe('below 2 or above 90')
})

test('a monitor says which part of the traffic it looks at', () => {
  expect(watchedInWords({ metric: 'error_rate', endpoint: 'support' }, false)).toBe('Share of errors of support')
  expect(watchedInWords({ metric: 'score', score: 'thumbs' }, false)).toBe('Score ‘thumbs’')
})

test('an alert leads to its traces; what has no field of its own is said in the filter language', () => {
  const spans = { since: '2026-01-01T10:00:00Z', until: '2026-01-01T10:05:00Z', endpoint: 'support', release_id: null, model: 'a"b', key_id: null, user_id: 'ann', q: '' }
  expect(tracesOf({ spans })).toEqual({
    endpoint: 'support', release_id: undefined, since: spans.since, until: spans.until, q: 'model:"a\\"b" user:"ann"',
  })
})

test('an audit action reads like words', () => {
  expect(actionInWords('releases.serve')).toBe('Releases: serve')
})
