import { expect, test } from 'vitest'
import { commandOf, keptOf, listAt, searchInWords } from './lists'

test('a path that is a list is one, and a page of one thing is none', () => {
  expect(listAt('/runs')).toBe('run')
  expect(listAt('/runs/run_1')).toBeUndefined()
  expect(listAt('/traces')).toBeUndefined()
})

test('what is kept of an address is its filters, in one order, and not what is ticked', () => {
  const kept = keptOf({ status: 'failed', kind: 'training', q: '', ticked: 'run_1,run_2', other: undefined })

  expect(kept).toEqual({ kind: 'training', status: 'failed' })
  expect(searchInWords(kept)).toBe('kind: training, status: failed')
})

test('the command keeps the same, each value one word', () => {
  expect(commandOf('broken', { subject: 'run', q: '', search: { kind: 'my kind' } }, true)).toBe("treadle trace keep-view broken --of run --search 'kind=my kind' --shared")
  expect(commandOf('slow', { subject: 'trace', q: 'latency>2s', search: {} }, false)).toBe("treadle trace keep-view slow 'latency>2s'")
})
