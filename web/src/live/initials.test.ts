import { expect, test } from 'vitest'
import { initialsOf } from './initials'

test.each([
  ['ana', 'A'],
  ['Ana Lima', 'AL'],
  ['ana.maria-lima@example.com', 'AL'],
  ['ci (tdl1234)', 'CT'],
  ['李雷', '李'],
  ['…', '?'],
])('%s is %s', (name, initials) => {
  expect(initialsOf(name)).toBe(initials)
})
