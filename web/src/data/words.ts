/* What datasets say in words. Pure. */
import { t } from '@lingui/core/macro'
import { count } from '../format/numbers'

const OPERATIONS: Record<string, string> = {
  import: t`an import`, prepare: t`a preparation`, curate: t`traces with feedback`, feedback: t`traces with feedback`, merge: t`a merge`, edit: t`edits by hand`,
}

/** How a version was made, from its recipe. */
export function madeBy(recipe: Record<string, unknown>): string {
  const operation = recipe['operation']
  return typeof operation === 'string' ? (OPERATIONS[operation] ?? operation.replaceAll('_', ' ')) : t`unknown`
}

const PARTS = ['train', 'validation', 'test']

/** {test: 100, train: 800} -> "train 800, test 100". */
export function partsInWords(parts: Record<string, number>): string {
  const named = Object.entries(parts).sort(([one], [other]) => PARTS.indexOf(one) - PARTS.indexOf(other))
  return named.length === 0 ? t`not split` : named.map(([part, rows]) => `${part} ${count(rows)}`).join(', ')
}

const REASONS: Record<string, string> = {
  unicode_repaired: t`broken Unicode repaired`,
  personal_data_masked: t`personal data masked`,
  input_missing: t`no input`,
  label_missing: t`no label`,
  label_unknown: t`a label that is not allowed`,
  label_rare: t`a label with too few rows`,
  too_long: t`too long`,
  exact_duplicate: t`an exact duplicate`,
  near_duplicate: t`a near-duplicate`,
  label_conflict: t`same text, different labels`,
  label_suspect: t`a label that looks wrong`,
  edited_by_hand: t`edited by hand`,
  deleted_by_hand: t`taken away by hand`,
}

export const REASON_NAMES = Object.keys(REASONS)

export function reasonInWords(reason: string): string {
  return REASONS[reason] ?? reason.replaceAll('_', ' ')
}

/** A number's spread in one sentence. */
export function spreadInWords(spread: { median: number; p95: number; maximum: number }, counted: (num: number) => string): string {
  return t`Median ${counted(spread.median)}, 95 % have at most ${count(Math.round(spread.p95))}, the longest ${count(Math.round(spread.maximum))}.`
}
