import { expect, test } from 'vitest'
import { candidatesQuery } from '../optimize/queries'
import { sessionsQuery } from '../sessions/queries'
import { chartQuery, tracesQuery } from '../traces/queries'
import { usersQuery } from '../users/queries'
import { isTouched, KEYS } from './keys'

const of = (kind: string, id: string | null = null) => ({ kind, id })

test('what changed is asked again, with everything below it', () => {
  expect(isTouched(['prompts', 'support', 'versions'], of('prompt version'))).toBe(true)
  expect(isTouched(['models'], of('prompt'))).toBe(false)
  expect(isTouched(['turns'], of('run'))).toBe(true)
})

test('traces that arrive make lists longer and change no trace that is open', () => {
  expect(isTouched(['traces', { endpoint: 'support' }, 'newest'], of('trace'))).toBe(true)
  expect(isTouched(['traces', 'abc', 'tree'], of('trace'))).toBe(false)
  expect(isTouched(sessionsQuery({}).queryKey, of('trace'))).toBe(true)
  expect(isTouched(usersQuery({ q: 'acme' }).queryKey, of('trace'))).toBe(true)
})

test('a run that goes on has its own curves asked for, and no other run', () => {
  expect(isTouched(['runs', 'run_1', 'metrics'], of('run', 'run_1'))).toBe(true)
  expect(isTouched(['runs', 'run_2', 'metrics'], of('run', 'run_1'))).toBe(false)
  expect(isTouched(['runs', 'run_2', 'steps'], of('run', 'run_1'))).toBe(true)
  expect(isTouched(['experiments', 'exp_1'], of('run', 'run_1'))).toBe(true)
  expect(isTouched(['experiments', 'compare', 'a', 'b'], of('run', 'run_1'))).toBe(false)
})

test('the chart over the traces waits for its own time', () => {
  expect(isTouched(tracesQuery({ endpoint: 'support' }).queryKey, of('trace'))).toBe(true)
  expect(isTouched(chartQuery({ endpoint: 'support' }).queryKey, of('trace'))).toBe(false)
})

test('searches, choices and harness runs are told of, and what a search tries while it goes on', () => {
  expect(isTouched(['optimizations', 'found'], of('optimisation', 'opt_1'))).toBe(true)
  expect(isTouched(['optimizations', 'opt_1'], of('run', 'run_1'))).toBe(true)
  expect(isTouched(candidatesQuery('opt_1', true).queryKey, of('run', 'run_1'))).toBe(true)
  expect(isTouched(candidatesQuery('opt_1', false).queryKey, of('run', 'run_1'))).toBe(false)
  expect(isTouched(['choices', 'found'], of('choice', 'cho_1'))).toBe(true)
  expect(isTouched(['choices', 'cho_1'], of('run', 'run_1'))).toBe(true)
  expect(isTouched(['harness-runs', 'found', undefined], of('experiment', 'har_1'))).toBe(true)
})

test('a kind of tomorrow touches nothing', () => {
  expect(isTouched(['prompts'], of('weather'))).toBe(false)
})

test('every key that is named belongs to some query', () => {
  const sources = Object.values(import.meta.glob<string>(['../**/*.{ts,tsx}', '!../**/*.test.*', '!../live/*'], { query: '?raw', import: 'default', eager: true })).join('\n')
  const unknown = [...new Set(Object.values(KEYS).flat())].filter((key) => !new RegExp(`\\[['"]${key}['"]`).test(sources))

  expect(unknown).toEqual([])
})
