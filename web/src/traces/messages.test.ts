/* Every dialect of messages reads as the same chat; what is unknown is shown, not lost. */
import { expect, test } from 'vitest'
import { messagesOf } from './messages'

test('text, parts and bare strings read the same', () => {
  const hello = [{ role: 'user', text: 'hello', toolCalls: [] }]
  expect(messagesOf([{ role: 'user', content: 'hello' }])).toEqual(hello)
  expect(messagesOf([{ role: 'user', content: [{ type: 'text', text: 'hello' }] }])).toEqual(hello)
  expect(messagesOf([{ role: 'user', parts: [{ type: 'text', content: 'hello' }] }])).toEqual(hello)
  expect(messagesOf({ role: 'user', content: 'hello' })).toEqual(hello)
})

test('tool calls are read from both dialects', () => {
  const wanted = [{ name: 'refund', arguments: '{"id":7}' }]
  expect(messagesOf([{ role: 'assistant', content: null, tool_calls: [{ function: { name: 'refund', arguments: '{"id":7}' } }] }])?.[0]?.toolCalls).toEqual(wanted)
  expect(messagesOf([{ role: 'assistant', parts: [{ type: 'tool_call', name: 'refund', arguments: { id: 7 } }] }])?.[0]?.toolCalls).toEqual(wanted)
})

test('an unknown part stays visible as JSON, and what is no message is none', () => {
  expect(messagesOf([{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }])?.[0]?.text).toContain('image_url')
  expect(messagesOf({ answer: 42 })).toBeNull()
  expect(messagesOf(null)).toBeNull()
})
