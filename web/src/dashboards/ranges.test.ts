/* How a chart's lines are laid out over time. */
import { expect, test } from 'vitest'
import { hasLonely, laidOut, rangeOf, spanOf, usualRange } from './ranges'

const NOON = Date.parse('2026-03-01T12:34:56Z')

test('a range ends with the step that goes on now and begins with a whole one', () => {
  expect(spanOf('24h', NOON)).toEqual({ since: '2026-02-28T13:00:00.000Z', until: '2026-03-01T13:00:00.000Z', step: 'hour' })
  expect(spanOf('1h', NOON)).toEqual({ since: '2026-03-01T11:35:00.000Z', until: '2026-03-01T12:35:00.000Z', step: 'minute' })
  expect(rangeOf('a year')).toBe('24h')
})

test('where nothing happened a sum is 0 and a rate is unknown', () => {
  const span = { since: '2026-03-01T10:00:00Z', until: '2026-03-01T13:00:00Z', step: 'hour' as const }
  const line = { points: [{ at: '2026-03-01T11:00:00Z', value: 4 }] }
  expect(laidOut(line, span, 'requests').map(([, value]) => value)).toEqual([0, 4, 0])
  expect(laidOut(line, span, 'error_rate').map(([, value]) => value)).toEqual([null, 4, null])
  expect(hasLonely(laidOut(line, span, 'error_rate'))).toBe(true)
  expect(hasLonely(laidOut(line, span, 'requests'))).toBe(false)
})

test('while traffic is young its last hour is shown, and otherwise a day', () => {
  const day = spanOf('24h', NOON)
  const from = (at: string) => [{ points: [{ at, value: 1 }] }]
  expect(usualRange(from('2026-03-01T12:00:00Z'), day)).toBe('1h')
  expect(usualRange(from('2026-03-01T10:00:00Z'), day)).toBe('24h')
  expect(usualRange([], day)).toBe('24h')
  expect(usualRange([], undefined)).toBe('24h')
})
