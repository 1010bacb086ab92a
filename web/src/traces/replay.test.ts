/* Model calls on the playground. */
import { expect, test } from 'vitest'
import { boardOf } from '../playground/board'
import { replayOf } from './replay'

const call = (messages: unknown, attributes: Record<string, unknown> = {}) => ({ kind: 'llm' as const, input_messages: messages, attributes })

test('a call stands there with its messages, request fields and endpoint', () => {
  const board = boardOf(replayOf(call([{ role: 'developer', content: 'Be brief.' }, { role: 'user', content: 'How long?' }], { 'gen_ai.request.temperature': 0.2 }), 'desk') ?? undefined)

  expect(board?.columns[0]).toMatchObject({ endpoint: 'desk', parameters: '{"temperature":0.2}' })
  expect(board?.columns[0]?.draft?.messages).toEqual([{ role: 'system', template: 'Be brief.' }, { role: 'user', template: 'How long?' }])
})

test('what looks like a variable stays as it was said', () => {
  const board = boardOf(replayOf(call('Say {{name}}'), null) ?? undefined)

  expect(board?.columns[0]?.draft?.messages[0]?.template).toBe('{{message_1}}')
  expect(board?.rows[0]?.variables).toEqual({ message_1: 'Say {{name}}' })
})

test('what cannot be asked again is not offered', () => {
  expect(replayOf({ kind: 'tool', input_messages: 'x', attributes: {} }, null)).toBeNull()
  expect(replayOf(call(null), null)).toBeNull()
  expect(replayOf(call([{ role: 'tool', content: '4' }]), null)).toBeNull()
  expect(replayOf(call('x'.repeat(50_000)), null)).toBeNull()
})
