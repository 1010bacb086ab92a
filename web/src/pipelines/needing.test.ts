import { expect, test } from 'vitest'
import type { Endpoint, Limit, Queue, Run, Target } from '../api/types'
import { isUpstream, needsOf } from './needing'

const NOTHING = { asking: [], alerts: [], rollouts: [], endpoints: [], queues: [], uses: [], targets: [], forwards: [], failed: [], upstream: [] }
const NOW = Date.parse('2026-11-21T12:00:00Z')

test('nothing is needed where all is well', () => {
  const endpoint = { name: 'desk', disabled: null, problem: null } as Endpoint
  const queue = { queue_id: 'q', name: 'triage', num_items: 3, num_done: 3 } as Queue
  expect(needsOf({ ...NOTHING, endpoints: [endpoint], queues: [queue] }, NOW)).toEqual([])
})

test('the worst comes first, and a budget that is nearly used up is told before it is', () => {
  const limit = { limit_id: 'lim_1', scope: 'project', subject: null, unit: 'usd', amount: 50, window: 'day' } as Limit
  const queue = { queue_id: 'q', name: 'triage', num_items: 3, num_done: 1 } as Queue
  const endpoint = { name: 'desk', disabled: 'leak', problem: null } as Endpoint
  const needs = needsOf({ ...NOTHING, queues: [queue], uses: [{ limit, used: 41, amount: 50 }], endpoints: [endpoint] }, NOW)
  expect(needs.map((need) => need.kind)).toEqual(['Endpoint', 'Budget', 'Review'])
  expect(needs[2]?.words).toBe('2 answers wait in triage')
  expect(needsOf({ ...NOTHING, uses: [{ limit, used: 39, amount: 50 }] }, NOW)).toEqual([])
})

test('a job that failed days ago is past', () => {
  const run = { run_id: 'run_1', title: 'Import', error: null, created_at: '2026-11-19T12:00:00Z', ended_at: '2026-11-19T12:01:00Z' } as Run
  expect(needsOf({ ...NOTHING, failed: [run] }, NOW)).toEqual([])
  expect(needsOf({ ...NOTHING, failed: [{ ...run, ended_at: '2026-11-21T11:00:00Z' }] }, NOW)).toHaveLength(1)
})

test('a turn that asks before it releases leads to the turn', () => {
  const run = { run_id: 'run_2', parent_run_id: 'run_1', progress_text: 'waits for a person' } as Run
  expect(needsOf({ ...NOTHING, asking: [run] }, NOW).map(({ kind, to }) => [kind, to])).toEqual([['Approval', '/runs/run_1']])
})

test('who asked wrongly is no failing provider', () => {
  expect(isUpstream('upstream_timeout')).toBe(true)
  expect(isUpstream('invalid_request')).toBe(false)
})

test('a target that is left alone is told with how it failed', () => {
  const target = { target: 'openai/gpt-5', last_failure: 'rate_limited' } as Target
  expect(needsOf({ ...NOTHING, targets: [target] }, NOW).map((need) => need.words)).toEqual(['openai/gpt-5 is left alone, because it failed: too many requests for it'])
})
