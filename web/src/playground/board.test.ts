import { expect, test } from 'vitest'
import { boardOf, faultOfColumn, linkOf, namesOf, newColumn, newRow, parametersOf, triedOf, variablesFor } from './board'

test('a board is the same after it was shared, whatever is written on it', () => {
  const board = { columns: [newColumn(1, { endpoint: 'plain' }), newColumn(2, { prompt: 'greeting', version: '3' })], rows: [newRow(1, { input: 'Grüße 猫 \u202e <b>' }, 'yes')] }
  expect(boardOf(linkOf(board)!)).toEqual(board)
})

test('an address that is no board is none', () => {
  for (const text of ['', '!!', btoa('{}'), btoa('{"columns": [{"key": 1}], "rows": []}')]) expect(boardOf(text)).toBeNull()
  expect(linkOf({ columns: [newColumn(1)], rows: [newRow(1, { input: 'x'.repeat(30_000) })] })).toBeNull()
})

test('a version is asked as it is, and a draft with what was written', () => {
  expect(triedOf(newColumn(1, { prompt: 'greeting', version: '3' }))).toEqual({ name: 'greeting', version: '3' })
  expect(triedOf(newColumn(1)).draft?.messages).toEqual([{ role: 'user', template: '{{input}}' }])
})

test('tools and a schema are fields of the request, and JSON that is none is told', () => {
  const column = newColumn(1, { endpoint: 'plain', parameters: '{"temperature": 0}', tools: '[{"type": "function"}]', schema: '{"type": "object"}' })
  expect(parametersOf(column)).toEqual({ temperature: 0, tools: [{ type: 'function' }], response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: { type: 'object' } } } })
  expect(faultOfColumn(column)).toBeNull()
  expect(faultOfColumn({ ...column, tools: '{}' })).toContain('JSON list')
  expect(faultOfColumn({ ...column, endpoint: '' })).toBe('choose an endpoint')
})

test('rows fill in what any column asks for', () => {
  const names = namesOf([newColumn(1), newColumn(2, { prompt: 'greeting' })], () => ['name'])
  expect(names).toEqual(['input', 'name'])
  expect(variablesFor(newRow(1, { input: 'a', other: 'b' }), names)).toEqual({ input: 'a', name: '' })
})
