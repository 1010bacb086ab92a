/* Offers are what could stand at the caret, and taking one leaves the rest of the filter as it is. */
import { expect, test } from 'vitest'
import { completionAt, taken } from './complete'

const labels = (text: string, caret = text.length, known = {}): string[] => completionAt(text, caret, known).offers.map(({ label }) => label)

test('fields that begin so, with the sign that is usual for them', () => {
  expect(labels('lat')).toEqual(['latency>'])
  expect(labels('status:ok -mod')).toEqual(['model:', 'model_version:'])
  expect(labels('(span.too')).toEqual(['tool:'])
  expect(labels('')).toContain('status:')
})

test('values where they are a closed set, or are known here', () => {
  expect(labels('status:')).toEqual(['status:ok', 'status:error', 'status:cancelled'])
  expect(labels('kind:llm,re')).toEqual(['kind:retrieval', 'kind:rerank'])
  expect(labels('endpoint:su', undefined, { endpoint: ['support', 'billing'] })).toEqual(['endpoint:support'])
  expect(labels('model:gp')).toEqual([])
})

test('nothing is offered inside quotes or after a number', () => {
  expect(labels('"lost sta')).toEqual([])
  expect(labels('latency>2')).toEqual([])
})

test('what is taken stands where the word stood', () => {
  const text = 'sta lost card'
  const completion = completionAt(text, 3)
  expect(taken(text, completion, completion.offers[0]!)).toEqual({ text: 'status: lost card', caret: 7 })
  const named = completionAt('endpoint:my', 11, { endpoint: ['my shop'] })
  expect(taken('endpoint:my', named, named.offers[0]!).text).toBe('endpoint:"my shop"')
})
