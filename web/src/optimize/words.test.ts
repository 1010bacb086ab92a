/* What a candidate says otherwise than the version that the search began with. */
import { expect, test } from 'vitest'
import { changesOf } from './words'

const says = (...texts: string[]) => texts.map((template) => ({ role: 'user' as const, template }))

test('a message that a candidate dropped or added is a change, too', () => {
  expect(changesOf(says('a', 'b'), says('a'))).toEqual([{ at: 1, before: 'b', after: null }])
  expect(changesOf(says('a'), says('c', 'b'))).toEqual([{ at: 0, before: 'a', after: 'c' }, { at: 1, before: null, after: 'b' }])
  expect(changesOf(says('a', 'b'), says('a', 'b'))).toEqual([])
})
