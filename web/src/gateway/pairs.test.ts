import { expect, test } from 'vitest'
import { linesOf, pairsIn } from './pairs'

test('names and values are read line by line, and written so that they are read again', () => {
  const pairs = pairsIn(' api-version = 2026-01-01\n\nprefix=a=b\n')

  expect(pairs).toEqual({ 'api-version': '2026-01-01', prefix: 'a=b' })
  expect(pairsIn(linesOf(pairs))).toEqual(pairs)
})

test('a name without a value is kept, so that the server says what is wrong', () => {
  expect(pairsIn('api-version')).toEqual({ 'api-version': '' })
})
