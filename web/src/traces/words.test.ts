/* A kept filter finds what the list showed when it was kept. */
import { expect, test } from 'vitest'
import { inWords } from './words'

test('what stands in the address becomes one filter', () => {
  expect(inWords({ q: 'model:x', endpoint: 'my shop', status: 'error', since: '2026-11-21T10:00:00.000Z' })).toBe('model:x endpoint:"my shop" status:error started>=2026-11-21T10:00:00')
  expect(inWords({})).toBe('')
})

test('alternatives stay together beside other parts', () => {
  expect(inWords({ q: 'user:ann or user:bob', status: 'ok' })).toBe('(user:ann or user:bob) status:ok')
  expect(inWords({ q: 'user:ann or user:bob' })).toBe('user:ann or user:bob')
})

test('words stay words, whatever they say', () => {
  expect(inWords({ text: 'lost order-4711 or' })).toBe('lost "order-4711" "or"')
})
