/* Two traces side by side, and who stands beside a trace in a list. */
import { expect, test } from 'vitest'
import { neighboursOf } from './neighbours'
import { stepsOf } from './sideBySide'

const row = (kind: 'llm' | 'tool', name: string, latency_ms: number, status: 'ok' | 'error' = 'ok') => ({ kind, name, latency_ms, status })

test('steps of one name and kind count together, what differs most in time comes first, and a step of one trace only is told', () => {
  const lines = stepsOf([row('llm', 'write it', 100), row('tool', 'look up', 5)], [row('llm', 'write it', 300), row('llm', 'write it', 50, 'error')])

  expect(lines).toEqual([
    { key: 'llm write it', kind: 'llm', name: 'write it', one: { count: 1, failed: 0, latencyMs: 100 }, other: { count: 2, failed: 1, latencyMs: 350 }, differenceMs: 250 },
    { key: 'tool look up', kind: 'tool', name: 'look up', one: { count: 1, failed: 0, latencyMs: 5 }, other: null, differenceMs: -5 },
  ])
})

test('a trace knows who stands beside it, and nobody where it is not in the list', () => {
  const list = [{ trace_id: 'a' }, { trace_id: 'b' }, { trace_id: 'c' }]

  expect(neighboursOf(list, 'a')).toEqual({ before: null, after: 'b', place: 1 })
  expect(neighboursOf(list, 'c')).toEqual({ before: 'b', after: null, place: 3 })
  expect(neighboursOf(list, 'x')).toBeNull()
})
