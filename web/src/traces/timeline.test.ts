import { expect, test } from 'vitest'
import { laidOut, sayCost, timeOf, valueOf, type Bar } from './timeline'

const bar = (at: string, count: number): Bar => ({ at, count, error_count: 1, latency_p95_ms: null, cost_usd: '0.5', unpriced_count: 2 })

test('each step has its place, also where nothing began', () => {
  const laid = laidOut({ since: '2026-11-21T10:00:00Z', until: '2026-11-21T13:00:00Z', step_seconds: 3600, bars: [bar('2026-11-21T11:00:00Z', 4)] })

  expect(laid.map((one) => valueOf('requests', one.bar))).toEqual([null, 4, null])
})

test('what is not known is no bar of height 0, and a sum that lacks some says so', () => {
  const one = bar('2026-11-21T11:00:00Z', 4)

  expect([valueOf('latency', one), valueOf('errors', one), valueOf('cost', one)]).toEqual([null, 1, 0.5])
  expect(sayCost(one)).toMatch(/^at least/)
  expect(sayCost({ cost_usd: null, unpriced_count: 2 })).toBe('unknown')
})

test('a step narrows the list to its own time', () => {
  expect(timeOf(Date.parse('2026-11-21T11:00:00Z'), 3600)).toEqual({ since: '2026-11-21T11:00:00.000Z', until: '2026-11-21T12:00:00.000Z' })
})
