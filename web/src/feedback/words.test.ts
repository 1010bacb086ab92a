import { expect, test } from 'vitest'
import { sayValue, yesOrNo } from './words'

test('1 and 0 without a scale are yes and no', () => {
  expect([sayValue({ value: 1 }), sayValue({ value: 0, low: null, high: null })]).toEqual(['yes', 'no'])
})

test('the worst mark of a scale is a number and not yes', () => {
  expect(sayValue({ value: 1, low: 1, high: 5 })).toBe('1 of 1 to 5')
  expect(yesOrNo({ value: 1, low: 0, high: 1 })).toBeNull()
})

test('a category is said as it is', () => {
  expect(sayValue({ label: 'rude' })).toBe('rude')
})
