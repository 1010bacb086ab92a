/* Whatever a span was given is seen: as messages, or as what its caller handed in. */
import { expect, test } from 'vitest'
import { asked, contentOf, lastSaid, saidOf } from './content'

test('a function has no messages, and its arguments are seen', () => {
  expect(contentOf({ variables: { question: 'where?', limit: 3 }, output_messages: 'there' })).toEqual({ input: null, output: 'there', variables: { question: 'where?', limit: 3 } })
})

test('the input that a caller gave is the input where no messages were kept', () => {
  expect(contentOf({ variables: { input: 'hello', tone: 'kind' } })).toEqual({ input: 'hello', output: null, variables: { tone: 'kind' } })
  expect(contentOf({ variables: 'hello' })).toEqual({ input: 'hello', output: null, variables: null })
})

test('beside messages variables stay, and of nothing nothing is made', () => {
  const input_messages = [{ role: 'user', content: 'hello ann' }]
  expect(contentOf({ input_messages, variables: { name: 'ann' } })).toEqual({ input: input_messages, output: null, variables: { name: 'ann' } })
  expect(contentOf({})).toEqual({ input: null, output: null, variables: null })
})

test('of a conversation that is sent whole each time the last question is what was asked', () => {
  const input_messages = [{ role: 'user', content: 'hello' }, { role: 'assistant', content: 'hi' }, { role: 'user', content: 'where?' }]
  expect(lastSaid({ input_messages, output_messages: 'there' })).toEqual({ input: [{ role: 'user', content: 'where?' }], output: 'there' })
  expect(lastSaid({ variables: { input: 'hello' } }).input).toBe('hello')
})

test('beside messages that say it already, the input is not said again', () => {
  const input_messages = [{ role: 'user', content: 'where?' }]
  expect(contentOf({ input_messages, variables: { input: 'where?', tone: 'kind' } }).variables).toEqual({ tone: 'kind' })
  expect(contentOf({ input_messages, variables: { input: 'another' } }).variables).toEqual({ input: 'another' })
})

test('a question that is the one argument of a function is that text', () => {
  expect(asked('{"question": "where is \\"it\\"?"}')).toBe('where is "it"?')
  expect(asked('{"question": "where?", "limit": 3}')).toBe('{"question": "where?", "limit": 3}')
  expect(asked('{"limit": 3}')).toBe('{"limit": 3}')
  expect(asked('where?')).toBe('where?')
  const cut = `{"question": "${'long '.repeat(60)}`.slice(0, 200)
  expect(asked(cut)).toBe(cut.slice('{"question": "'.length))
  expect(asked(`{"question": "${'x'.repeat(185)}\\`)).toBe('x'.repeat(185))
  expect(asked(`{"q": "${'x'.repeat(190)}\\u00`)).toBe('x'.repeat(190))
})

test('a trace says what its parts say, and whether that is only the beginning', () => {
  expect(saidOf({ input_text: '{"question": "where?"}', output_text: '' })).toEqual({ input: 'where?', output: null, isCut: false })
  expect(saidOf({ input_text: 'where?', output_text: 'x'.repeat(200) }).isCut).toBe(true)
})

test('in a conversation the one argument of a function is what was asked', () => {
  expect(lastSaid({ variables: { question: 'where?' } }).input).toBe('where?')
  expect(lastSaid({ variables: { question: 'where?', limit: 3 } }).input).toEqual({ question: 'where?', limit: 3 })
})
