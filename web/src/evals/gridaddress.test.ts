import { expect, test } from 'vitest'
import { cellOf, filterOf, idsOf, partOf, partText } from './gridaddress'

test('an address is read back as it was written, whatever a column is called', () => {
  for (const part of [{ kind: 'metadata', name: 'a:b%3A', value: 'x:y' }, { kind: 'length', name: 'input', value: 'short' }] as const) expect(partOf(partText(part))).toEqual(part)
  expect(partOf('topic:input:cards')).toBeUndefined()
})

test('what is no order and no cell is left out, and an experiment stands once', () => {
  expect(filterOf({ by: 'sideways', only: 'regressed' })).toEqual({ scorer: undefined, by: undefined, only: 'regressed', part: undefined })
  expect(idsOf({ ids: 'exp_a,exp_b,exp_a,' })).toEqual(['exp_a', 'exp_b'])
  expect(cellOf('7.2')).toEqual({ row: 7, column: 2 })
  expect(cellOf('7')).toBeNull()
})
