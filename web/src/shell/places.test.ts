import { expect, test } from 'vitest'
import { isAt, PLACES } from './places'

const place = (label: string) => PLACES.flatMap((group) => group.places).find((one) => one.label === label)!

test('a place is where its pages and their tabs are', () => {
  expect(isAt('/traces/abc', place('Traces'))).toBe(true)
  expect(isAt('/views', place('Traces'))).toBe(true)
  expect(isAt('/schedules/learn', place('Pipelines'))).toBe(true)
})

test('a place is not where another one begins alike, and home is only itself', () => {
  expect(isAt('/tracesuit', place('Traces'))).toBe(false)
  expect(isAt('/traces', place('Home'))).toBe(false)
})
