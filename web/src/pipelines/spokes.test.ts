/* The picture shows every station of a turn, whatever its state, and never claims more than the runs say. */
import { expect, test } from 'vitest'
import type { Run, Turn } from '../api/types'
import { spokesOf } from './spokes'
import { wordsOf } from '../jobs/words'

const run = (over: Partial<Run>): Run => ({
  run_id: 'run_1', kind: 'data.import', title: '', status: 'succeeded', params: {}, outputs: {}, error: null, parent_run_id: null, step: null,
  progress: 1, progress_text: '', attempts: 1, once: '', retries: 0, actor_id: 'act_1', actor_name: 'ana', created_at: '2026-01-01T00:00:00Z', started_at: '2026-01-01T00:00:00Z',
  ended_at: '2026-01-01T00:00:05Z', ...over,
})
const station = (step: string, done: Partial<Run> | null): Turn['steps'][number] => ({ step, title: step, run: done && run(done) })

test('stations that belong together share a spoke, and a new one gets its own', () => {
  const spokes = spokesOf([station('source', {}), station('import', {}), station('distil', null)])

  expect(spokes.map((spoke) => [spoke.key, spoke.state])).toEqual([['import', 'succeeded'], ['distil', 'pending']])
})

test('a spoke with a station to come still goes on', () => {
  const [spoke] = spokesOf([station('baseline', {}), station('evaluate-baseline', null)])

  expect(spoke?.state).toBe('running')
  expect(spoke?.progress).toBe(0.5)
  expect(spoke?.endedAt).toBeNull()
})

test('one failed station fails its spoke and says why', () => {
  const [spoke] = spokesOf([station('drill-data', {}), station('drill-import', { status: 'failed', error: { code: 'x', kind: 'Unavailable', message: 'the disk is full', values: {} } })])

  expect(spoke?.state).toBe('failed')
  expect(spoke?.words).toBe('the disk is full')
})

test('words come from outputs, and missing figures are left out', () => {
  expect(wordsOf(run({ kind: 'evals.experiment', outputs: { rows: 135, metrics: { exact_match: 0.933 } } }))).toBe('93.3 % exact match on 135 rows')
  expect(wordsOf(run({ kind: 'data.prepare', outputs: { num_rows: 1348 } }))).toBe('1,348 rows kept')
  expect(wordsOf(run({ kind: 'data.import', outputs: { dataset: 'support', version: 1, num_rows: 1 } }))).toBe('support v1, 1 row')
  expect(wordsOf(run({ kind: 'unknown.kind', outputs: { a: 1 } }))).toBe('')
})
