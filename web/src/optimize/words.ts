/* Searches for better prompts in words. Pure. */
import { t } from '@lingui/core/macro'
import type { Candidate, Optimization } from '../api/types'
import { usd } from '../format/numbers'

const METHODS: Record<Optimization['request']['method'], string> = {
  demonstrations: t`examples that it got right`,
  instructions: t`new wordings`,
  gepa: t`wordings by reflection on failures`,
  parameters: t`fields of the request`,
}

export const methodInWords = (method: Optimization['request']['method']): string => METHODS[method]

/** "$0.12 of $2.00"; what nobody limited says so by leaving the limit out. */
export function spentInWords({ spent_usd, request }: Pick<Optimization, 'spent_usd' | 'request'>): string {
  return request.max_usd == null ? usd(spent_usd) : t`${usd(spent_usd)} of ${usd(request.max_usd)}`
}

/** The words behind a verdict; it stands before them already. */
export const behindVerdict = (words: string): string => words.replace(/^(better|not shown): /, '')

/** What a candidate was made from: the version that the search began with, or another candidate. */
export function madeFrom({ number, parent }: Pick<Candidate, 'number' | 'parent'>): string {
  if (number === 0) return t`the version it began with`
  return parent === null || parent === 0 ? t`the first` : t`candidate ${parent}`
}

type Message = Candidate['messages'][number]

/** The messages that are not the same in both, by their place; null where one side has none there. */
export function changesOf(first: readonly Message[], then: readonly Message[]): { at: number; before: string | null; after: string | null }[] {
  return Array.from({ length: Math.max(first.length, then.length) }, (_, at) => ({ at, before: first[at]?.template ?? null, after: then[at]?.template ?? null })).filter(({ before, after }) => before !== after)
}
