/* What the eye reads must not lie: rounding never turns "almost" into "all", and units fit the size. */
import { expect, test } from 'vitest'
import { bytes, count, duration, measure, percent, price, usd } from './numbers'
import { ago, day, monthNames, took } from './times'

test('a share that is not zero never reads as zero, and one that is not whole never as whole', () => {
  expect(percent(0)).toBe('0.0 %')
  expect(percent(0.0001)).toBe('< 0.1 %')
  expect(percent(0.99999)).toBe('> 99.9 %')
  expect(percent(1)).toBe('100.0 %')
  expect(percent(null)).toBe('unknown')
})

test('counts carry separators', () => {
  expect(count(12345, 'en')).toBe('12,345')
})

test('durations use the unit a person would say', () => {
  expect(duration(1.44)).toBe('1.4 ms')
  expect(duration(820)).toBe('820 ms')
  expect(duration(3200)).toBe('3.2 s')
  expect(duration(250_000)).toBe('4 min 10 s')
  expect(duration(7_500_000)).toBe('2 h 5 min')
})

test('sizes, measures and prices', () => {
  expect(bytes(999)).toBe('999 B')
  expect(bytes(1536)).toBe('1.5 kB')
  expect(measure(0.00001)).toBe('1.00e-5')
  expect(measure(0.91234, 'en')).toBe('0.9123')
  expect(usd(null)).toBe('no price known')
  expect(usd('0.00042')).toBe('$0.00042')
  expect(['0.0152', '1.5', 12, 0.1].map((amount) => price(amount))).toEqual(['$0.0152', '$1.50', '$12.00', '$0.10'])
  expect(price(null)).toBe('no price known')
})

test('an open run is measured to the present', () => {
  const now = Date.parse('2026-01-01T00:01:00Z')
  expect(took('2026-01-01T00:00:00Z', null, now)).toBe('1 min 0 s')
  expect(took(null, null, now)).toBe('not started')
  expect(ago('2026-01-01T00:00:56Z', now)).toBe('just now')
  expect(ago('2025-12-31T23:00:00Z', now)).toBe('1 h ago')
})

test('figures are written as in the locale', () => {
  expect(percent(0.9123, 1, 'de')).toBe('91,2 %')
  expect(bytes(1_536_000, 'de')).toBe('1,5 MB')
  expect(duration(3200, 'de')).toBe('3,2 s')
  expect(measure(1234.5, 'de')).toBe('1.235')
  expect(measure(0.00001, 'de')).toBe('1,00e-5')
  expect(usd('1234.5', 'de')).toBe('1.234,50\u00a0$')
})

test('months are called as in the language', () => {
  expect(monthNames('short', 'de')[2]).toBe('Mär')
  expect(monthNames('long', 'en')[0]).toBe('January')
})

test('a day is the same wherever one reads it', () => {
  expect(day('2026-11-21', 'en')).toBe('Nov 21, 2026')
  expect(day('2026-11-21', 'de')).toBe('21.11.2026')
})
