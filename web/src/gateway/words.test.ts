import { expect, test } from 'vitest'
import { boundInWords, boundOf, cachedHow, pickedBy } from './words'

test('a limit is said with its unit and window, and whose use it bounds', () => {
  expect(boundInWords({ amount: 3, unit: 'concurrency', window: null })).toBe('3 at once')
  expect(boundInWords({ amount: 60, unit: 'requests', window: 'minute' })).toBe('60 requests a minute')
  expect(boundInWords({ amount: 50, unit: 'usd', window: 'day' })).toContain('a day')
  expect(boundOf({ scope: 'key', subject: null })).toBe('each key')
  expect(boundOf({ scope: 'key', subject: 'abc', subject_name: 'ci-bot' })).toBe('key ci-bot')
})

test('what nobody set is said as it holds', () => {
  expect(pickedBy(undefined)).toBe('by weight')
  expect(cachedHow(undefined)).toBe('off')
  expect(cachedHow({ mode: 'exact', ttl_seconds: 60, check_share: 0.1, max_wrong_rate: 0.05 })).toContain('the same request')
})
