/* Pending edits: what is kept of them, and what is sent. */
import { expect, test } from 'vitest'
import type { Example } from '../api/types'
import { add, change, editsOf, emptyDraft, linesOf, readDraft, sizeOf, toggleDeleted, valuesOf, without, withoutRows } from './edits'

const example = (row: number, input: string): Example => ({ row, example_id: `ex_${row}`, input, expected_output: 'x', messages: null, part: null, metadata: {}, parent_row: null })
const [one, two] = [example(1, 'a'), example(2, 'b')]

test('a row that is changed back is not pending any more', () => {
  const changed = change(emptyDraft(3), one, { ...valuesOf(one), input: 'A' })

  expect(sizeOf(changed)).toBe(1)
  expect(sizeOf(change(changed, one, valuesOf(one)))).toBe(0)
})

test('a row that is taken away is sent as such only, and keeps its change for when it is put back', () => {
  const changed = change(emptyDraft(3), one, { ...valuesOf(one), input: 'A' })
  const gone = toggleDeleted(changed, one)

  expect(editsOf(gone, 'why', 3)).toMatchObject({ newest_version: 3, changed: [], deleted: [{ row: 1, example_id: 'ex_1' }] })
  expect(editsOf(toggleDeleted(gone, one), 'why', 3).changed).toHaveLength(1)
})

test('lines go by row, and each can be taken back', () => {
  const draft = add(toggleDeleted(change(emptyDraft(1), two, { ...valuesOf(two), part: 'test' }), one), { input: 'new' })

  expect(linesOf(draft).map(({ what, row }) => [what, row])).toEqual([['deleted', 1], ['changed', 2], ['added', null]])
  expect(linesOf(draft).reduce(without, draft)).toEqual(emptyDraft(1))
})

test('edits of rows that are gone can be left out', () => {
  const draft = toggleDeleted(change(emptyDraft(1), two, { ...valuesOf(two), input: 'B' }), one)

  expect(linesOf(withoutRows(draft, [1])).map(({ row }) => row)).toEqual([2])
})

test('what a browser kept is read again, and anything else is none', () => {
  const draft = add(emptyDraft(2), { input: 'new' })

  expect(readDraft(JSON.parse(JSON.stringify(draft)))).toEqual(draft)
  for (const other of [null, '', 'nonsense', {}, [], { newest: 'x', changed: {}, deleted: {}, added: [] }]) expect(readDraft(other)).toBeNull()
})
