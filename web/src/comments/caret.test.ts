import { expect, test } from 'vitest'
import { put, typingAt } from './caret'

test.each([
  ['@', 1, ''],
  ['see @an', 7, 'an'],
  ['(@an', 4, 'an'],
  ['@"Ana L', 7, 'Ana L'],
  ['@an and more', 3, 'an'],
])('in %j a name is being typed', (text, caret, said) => {
  expect(typingAt(text, caret)?.said).toBe(said)
})

test.each([['me@an', 5], ['no at', 5], ['@an ', 4], ['https://x/@an', 13], ['@an', 0]])('in %j none is', (text, caret) => {
  expect(typingAt(text, caret)).toBeNull()
})

test('a chosen name takes the place of what was typed', () => {
  const text = 'see @an please'
  const typing = typingAt(text, 7)

  expect(typing && put(text, typing, '@"Ana Lima"')).toEqual({ text: 'see @"Ana Lima" please', caret: 16 })
})
