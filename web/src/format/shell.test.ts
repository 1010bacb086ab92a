/* A command that is shown to be copied does what it says and nothing else. */
import { expect, test } from 'vitest'
import { sh } from './shell'

test('names and ids stay readable', () => {
  expect(sh`treadle data show ${'banking77-v2.csv'} --version ${3}`).toBe('treadle data show banking77-v2.csv --version 3')
})

test('whatever a value says, it is one word', () => {
  expect(sh`treadle trace list --text ${'$(rm -rf ~)'}`).toBe(`treadle trace list --text '$(rm -rf ~)'`)
  expect(sh`x ${`it's`} y`).toBe(`x 'it'\\''s' y`)
  expect(sh`x ${'a\nb'}`).toBe(`x 'a\nb'`)
  expect(sh`x ${''}`).toBe(`x ''`)
  expect(sh`x ${'--json'}`).toBe(`x '--json'`)
})
