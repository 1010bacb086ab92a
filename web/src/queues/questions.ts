/* Questions as they are being written, as they are sent, and as the command line takes them. Pure. */
import type { Question } from '../api/types'
import { sh } from '../format/shell'

export type Draft = { name: string; kind: Question['kind']; low: number; high: number; step: number; options: string; question: string; isRequired: boolean; help?: string; helps?: Record<string, string> }

export const YES_NO: Draft = { name: 'correct', kind: 'boolean', low: 1, high: 5, step: 1, options: '', question: '', isRequired: true }

export function optionsOf({ options }: Pick<Draft, 'options'>): string[] {
  return options.split(',').map((one) => one.trim()).filter(Boolean)
}

export function questionOf(draft: Draft): Question {
  return {
    name: draft.name.trim(), kind: draft.kind, question: draft.question.trim(), help: draft.help ?? '', is_required: draft.isRequired,
    options: draft.kind === 'category' ? optionsOf(draft).map((label) => ({ label, help: draft.helps?.[label] ?? '' })) : [],
    ...(draft.kind === 'number' ? { low: draft.low, high: draft.high, step: draft.step || null } : {}),
  }
}

export function draftOf(question: Question): Draft {
  return {
    name: question.name, kind: question.kind, low: question.low ?? 1, high: question.high ?? 5, step: question.step ?? 0,
    options: (question.options ?? []).map(({ label }) => label).join(', '), question: question.question ?? '', isRequired: question.is_required ?? true, help: question.help ?? '',
    helps: Object.fromEntries((question.options ?? []).map(({ label, help }) => [label, help ?? ''])),
  }
}

/** As `--field` says it: 'helpful:number:1-5?'. */
export function flagsOf(drafts: readonly Draft[]): string {
  return drafts
    .map((draft) => {
      const more = draft.kind === 'number' ? `:${draft.low}-${draft.high}` : draft.kind === 'category' ? `:${optionsOf(draft).join(',')}` : ''
      return sh` --field ${`${draft.name.trim() || 'NAME'}:${draft.kind}${more}${draft.isRequired ? '' : '?'}`}`
    })
    .join('')
}
