/* A question that is written here is the one that is kept, and reads the same on the command line. */
import { expect, test } from 'vitest'
import { draftOf, flagsOf, questionOf, YES_NO } from './questions'

test('what is written is what is sent, and changing it begins with what it is', () => {
  const scale = { ...YES_NO, name: 'helpful', kind: 'number' as const, isRequired: false }
  expect(questionOf(scale)).toMatchObject({ name: 'helpful', kind: 'number', low: 1, high: 5, step: 1, is_required: false, options: [] })
  expect(questionOf(draftOf(questionOf(scale)))).toEqual(questionOf(scale))
  const tone = { ...YES_NO, name: 'tone', kind: 'category' as const, options: 'kind, rude, ' }
  expect(questionOf(tone).options?.map(({ label }) => label)).toEqual(['kind', 'rude'])
})

test('the command says the same', () => {
  expect(flagsOf([YES_NO, { ...YES_NO, name: 'tone', kind: 'category', options: 'kind, rude', isRequired: false }])).toBe(` --field correct:boolean --field 'tone:category:kind,rude?'`)
})
