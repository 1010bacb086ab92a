/* What stands in the address of a grid: which experiments, in which order, which part of the rows, which cell. Pure. */
import type { GridFilter, Part } from './queries'

export const MOST_BESIDE = 8
export const ORDERS = ['regressions', 'row'] as const
export const ONLY = ['regressed', 'improved', 'changed', 'failed'] as const
export const AGAINST = ['expected', 'baseline', 'nothing'] as const
export type Against = (typeof AGAINST)[number]
const KINDS = ['metadata', 'length', 'language'] as const

export type GridSearch = { ids?: string | undefined; scorer?: string | undefined; by?: string | undefined; only?: string | undefined; part?: string | undefined; diff?: string | undefined; cell?: string | undefined; against?: string | undefined }

export function idsOf(search: GridSearch): string[] {
  return [...new Set((search.ids ?? '').split(',').filter((id) => id !== ''))].slice(0, MOST_BESIDE)
}

export function filterOf(search: GridSearch): GridFilter {
  return { scorer: search.scorer, by: ORDERS.find((known) => known === search.by), only: ONLY.find((known) => known === search.only), part: partOf(search.part) }
}

/** A slice as 'kind:name:value'; values may hold anything, names may not hold ':'. */
export function partText(part: Part): string {
  return [part.kind, part.name.replaceAll('%', '%25').replaceAll(':', '%3A'), part.value].join(':')
}

export function partOf(text: string | undefined): Part | undefined {
  const [kind, name, ...value] = (text ?? '').split(':')
  const known = KINDS.find((one) => one === kind)
  if (known === undefined || name === undefined || value.length === 0) return undefined
  return { kind: known, name: name.replaceAll('%3A', ':').replaceAll('%25', '%'), value: value.join(':') }
}

/** The row and the place among the experiments that a cell's link names: '7.2'. */
export function cellOf(text: string | undefined): { row: number; column: number } | null {
  const found = /^(\d+)\.(\d+)$/.exec(text ?? '')
  return found ? { row: Number(found[1]), column: Number(found[2]) } : null
}
