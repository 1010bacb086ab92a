/* What can be answered to a question, and what a key does. Pure: the page hands in where it stands and does what comes out. */
import { t } from '@lingui/core/macro'
import type { Queue, Question } from '../api/types'
import { sh } from '../format/shell'

export type Answer = string | number | boolean
export type Answers = { [name: string]: Answer }
export type Choice = { value: Answer; label: string; help?: string }

const PREFERRED: Question = {
  name: 'preferred', kind: 'category', question: t`Which answer is better?`, help: '', is_required: true,
  options: [{ label: 'a', help: '' }, { label: 'b', help: '' }, { label: 'tie', help: '' }],
}
const SIDES: Record<string, string> = { a: t`A is better`, b: t`B is better`, tie: t`Neither` }
const MOST_STEPS = 11

/** Every question of a queue; a pairwise one asks first which answer is better. */
export function asked(queue: Pick<Queue, 'mode' | 'fields'>): Question[] {
  return queue.mode === 'pairwise' ? [PREFERRED, ...(queue.fields ?? [])] : (queue.fields ?? [])
}

/** What can be chosen; null where words or any number may be written. */
export function choicesOf(question: Question): Choice[] | null {
  switch (question.kind) {
    case 'boolean':
      return [{ value: true, label: t`Yes` }, { value: false, label: t`No` }]
    case 'category':
      return (question.options ?? []).map(({ label, help }) => ({
        value: label,
        label: question.name === 'preferred' ? (SIDES[label] ?? label) : label,
        ...(help ? { help } : {}),
      }))
    case 'number': {
      const { low, high, step } = question
      if (low == null || high == null || step == null) return null
      const number = Math.floor((high - low) / step + 1e-9) + 1
      if (number > MOST_STEPS) return null
      // Added up from the low end, a step of 0.1 would not come out even.
      return Array.from({ length: number }, (_, index) => Number((low + index * step).toPrecision(12))).map((value) => ({ value, label: String(value) }))
    }
    default:
      return null
  }
}

/** The digit that stands for each choice: its own on a scale of whole numbers up to 9, else its place. */
export function digitsOf(choices: readonly Choice[]): (string | null)[] {
  const own = choices.every(({ value }) => typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 9)
  return choices.map(({ value }, index) => (own ? String(value) : index < 9 ? String(index + 1) : null))
}

/** Required questions without an answer. */
export function missing(questions: readonly Question[], answers: Answers): Question[] {
  return questions.filter((question) => question.is_required && isOpen(answers[question.name]))
}

function isOpen(answer: Answer | undefined): boolean {
  return answer === undefined || (typeof answer === 'string' && answer.trim() === '')
}

/** What is sent: without empty words. */
export function given(answers: Answers): Answers {
  return Object.fromEntries(Object.entries(answers).filter(([, answer]) => !isOpen(answer)))
}

export type Deed =
  | { do: 'choose'; at: number; value: Answer; /** Whether keys go on to the next question: along the choices one goes more than once. */ goesOn: boolean }
  | { do: 'move'; to: number }
  | { do: 'submit' | 'undo' | 'skip' | 'help' | 'comment' }

type Standing = {
  questions: readonly Question[]
  answers: Answers
  /** Index of the question that keys speak to. */
  active: number
  /** Whether single letters, digits and signs do anything. */
  single: boolean
}

/** What a pressed key does; null does nothing here and is left to the browser. */
export function deedOf(key: string, { questions, answers, active, single }: Standing): Deed | null {
  const question = questions[active]
  const choices = question ? choicesOf(question) : null
  switch (key) {
    case 'Enter':
      return { do: 'submit' }
    case 'ArrowDown':
      return { do: 'move', to: Math.min(questions.length - 1, active + 1) }
    case 'ArrowUp':
      return { do: 'move', to: Math.max(0, active - 1) }
    case 'ArrowLeft':
    case 'ArrowRight': {
      if (!question || !choices) return null
      const at = choices.findIndex(({ value }) => value === answers[question.name])
      const to = at < 0 ? (key === 'ArrowRight' ? 0 : choices.length - 1) : Math.min(choices.length - 1, Math.max(0, at + (key === 'ArrowRight' ? 1 : -1)))
      const choice = choices[to]
      return choice ? { do: 'choose', at: active, value: choice.value, goesOn: false } : null
    }
  }
  if (!single) return null
  if (key === 'u') return { do: 'undo' }
  if (key === 's') return { do: 'skip' }
  if (key === 'c') return { do: 'comment' }
  if (key === '?') return { do: 'help' }
  if (!question || !choices) return null
  const choice = choices[digitsOf(choices).indexOf(key)]
  return choice ? { do: 'choose', at: active, value: choice.value, goesOn: true } : null
}

/** Where keys speak to after a choice: the next question that must be answered and is not, else where they were. */
export function nextActive(questions: readonly Question[], answers: Answers, active: number): number {
  const open = new Set(missing(questions, answers).map(({ name }) => name))
  const after = questions.findIndex(({ name }, index) => index > active && open.has(name))
  if (after >= 0) return after
  const before = questions.findIndex(({ name }) => open.has(name))
  return before >= 0 ? before : active
}

/** The command that puts the first items into a queue. */
export function fillingOf({ name, mode }: Pick<Queue, 'name' | 'mode'>): string {
  return mode === 'pairwise' ? sh`treadle queue add ${name} TRACE --against OTHER` : sh`treadle queue fill ${name} --strategy newest --num 50`
}
