import { expect, test } from 'vitest'
import { EMPTY, faultOf, keptOf, newVersionOf, variablesOf } from './draft'

test('variables are found where they stand, each once', () => {
  expect(variablesOf(['Hello {{name}}, {{#if order}}{{ order.id }}{{/if}} {{> tone}}', '{{{name}}}'])).toEqual(['name', 'order'])
})

test('an empty message is not sent, and JSON that is none is told', () => {
  expect(newVersionOf(EMPTY, 'first', null).messages).toEqual([{ role: 'user', template: '{{input}}' }])
  expect(faultOf('')).toBeNull()
  expect(faultOf('{"temperature": 0}')).toBeNull()
  expect(faultOf('[1]')).toContain('JSON object')
  expect(faultOf('{')).not.toBeNull()
})

test('what a browser kept is read again, and anything else is none', () => {
  const kept = { base: 3, seen: 4, draft: EMPTY, message: 'why' }

  expect(keptOf(JSON.parse(JSON.stringify(kept)))).toEqual(kept)
  for (const other of [null, 'nonsense', {}, { ...kept, base: '3' }, { ...kept, draft: { ...EMPTY, messages: [1] } }]) expect(keptOf(other)).toBeNull()
})
