/* Who reads the end of an answer is kept there until they go up, however fast it grows. */
import { expect, test } from 'vitest'
import { followsAfter } from './following'

test('what grew faster than the page could follow does not end the following', () => {
  expect(followsAfter(true, { wasY: 400, y: 900, left: 700 })).toBe(true)
  expect(followsAfter(true, { wasY: 400, y: 400, left: 700 })).toBe(true)
})

test('going up ends it, also where the end is still near, and coming back begins it', () => {
  expect(followsAfter(true, { wasY: 900, y: 860, left: 40 })).toBe(false)
  expect(followsAfter(false, { wasY: 100, y: 300, left: 700 })).toBe(false)
  expect(followsAfter(false, { wasY: 700, y: 900, left: 100 })).toBe(true)
})

test('a page that became shorter is still at its end', () => {
  expect(followsAfter(true, { wasY: 900, y: 850, left: 0 })).toBe(true)
})
