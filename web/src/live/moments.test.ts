import { expect, test } from 'vitest'
import { msBetween } from './moments'

test('a night in which the computer slept was a night, and a clock that is set back takes nothing away', () => {
  expect(msBetween({ steady: 1000, wall: 50_000 }, { steady: 6000, wall: 28_850_000 })).toBe(28_800_000)
  expect(msBetween({ steady: 1000, wall: 50_000 }, { steady: 6000, wall: 20_000 })).toBe(5000)
})
