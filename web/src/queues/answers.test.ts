/* What keys do while judging. */
import { expect, test } from 'vitest'
import type { Question } from '../api/types'
import { asked, choicesOf, deedOf, digitsOf, given, missing, nextActive } from './answers'

const question = (more: Partial<Question> & Pick<Question, 'name' | 'kind'>): Question => ({ question: '', help: '', is_required: true, ...more })
const HELPFUL = question({ name: 'helpful', kind: 'number', low: 1, high: 5, step: 1 })
const TONE = question({ name: 'tone', kind: 'category', options: [{ label: 'kind', help: '' }, { label: 'rude', help: '' }] })
const BETTER = question({ name: 'better', kind: 'correction', is_required: false })
const ALL = [HELPFUL, TONE, BETTER]

test('a digit is its own number on a scale, and a place among categories', () => {
  expect(deedOf('4', { questions: ALL, answers: {}, active: 0, single: true })).toEqual({ do: 'choose', at: 0, value: 4, goesOn: true })
  expect(deedOf('2', { questions: ALL, answers: {}, active: 1, single: true })).toEqual({ do: 'choose', at: 1, value: 'rude', goesOn: true })
  expect(deedOf('9', { questions: ALL, answers: {}, active: 0, single: true })).toBeNull()
})

test('a scale with fine steps has places; one with too many is written', () => {
  const fine = choicesOf(question({ name: 'x', kind: 'number', low: 0, high: 0.5, step: 0.1 })) ?? []
  expect(fine.map(({ label }) => label)).toEqual(['0', '0.1', '0.2', '0.3', '0.4', '0.5'])
  expect(digitsOf(fine)).toEqual(['1', '2', '3', '4', '5', '6'])
  expect(choicesOf(question({ name: 'x', kind: 'number', low: 0, high: 100, step: 1 }))).toBeNull()
})

test('single keys can be turned off; enter and arrows stay', () => {
  const off = { questions: ALL, answers: {}, active: 0, single: false }
  expect(['1', 'u', 's', '?', 'c'].map((key) => deedOf(key, off))).toEqual([null, null, null, null, null])
  expect(deedOf('Enter', off)).toEqual({ do: 'submit' })
  expect(deedOf('ArrowDown', off)).toEqual({ do: 'move', to: 1 })
})

test('arrows sideways go along the choices and stop at the ends', () => {
  const at = (value: number) => ({ questions: ALL, answers: { helpful: value }, active: 0, single: true })
  expect(deedOf('ArrowRight', at(4))).toEqual({ do: 'choose', at: 0, value: 5, goesOn: false })
  expect(deedOf('ArrowRight', at(5))).toEqual({ do: 'choose', at: 0, value: 5, goesOn: false })
  expect(deedOf('ArrowLeft', { ...at(1), answers: {} })).toEqual({ do: 'choose', at: 0, value: 5, goesOn: false })
})

test('after a choice keys speak to the next question that must be answered', () => {
  expect(nextActive(ALL, { helpful: 3 }, 0)).toBe(1)
  expect(nextActive(ALL, { tone: 'kind' }, 1)).toBe(0)
  expect(nextActive(ALL, { helpful: 3, tone: 'kind' }, 1)).toBe(1)
})

test('empty words are not sent and do not answer what must be', () => {
  const must = { ...BETTER, is_required: true }
  expect(missing([HELPFUL, must], { helpful: 1, better: ' ' }).map(({ name }) => name)).toEqual(['better'])
  expect(given({ helpful: 0, better: ' ', right: false })).toEqual({ helpful: 0, right: false })
})

test('a pair is asked first which is better', () => {
  const [first] = asked({ mode: 'pairwise', fields: [TONE] })
  expect(first && choicesOf(first)?.map(({ value }) => value)).toEqual(['a', 'b', 'tie'])
})
