/* Edits that do not overwrite each other, pure: what a change says it was begun from, what the server says is there by now, and
   what differs. */
import type { Problem } from '../api/problem'

/** What must be so for a change to be made; nothing of it replaces whatever is there. */
export type When = { 'if-match'?: string; 'if-none-match'?: string }

/** Makes something where nothing is: what is there already stays, and the name's field says so. */
export const NEW: When = { 'if-none-match': '*' }

export const CHANGED = 'editing.changed'
export const REMOVED = 'editing.removed'
export const TAKEN = 'editing.name_taken'

/** A change of what was read, whose `revision` came with it; null where nothing was there. */
export function onTopOf(revision: string | null): When {
  return revision === null ? NEW : { 'if-match': `"${revision}"` }
}

/** What is there in place of what was read. */
export type Theirs = {
  /** The revision that a change on top of it names; null where it was removed. */
  revision: string | null
  now: Readonly<Record<string, unknown>>
  /** Who changed it last, by name and by id, and when, where the audit log knows. */
  by: string | null
  byId: string | null
  at: string | null
}

/** What a refusal tells of what is there, also where nothing was; null for any other refusal. */
export function theirsOf({ code, values }: Problem): Theirs | null {
  if (code === REMOVED) return { revision: null, now: {}, by: null, byId: null, at: null }
  const { revision, now } = values
  if ((code !== CHANGED && code !== TAKEN) || typeof revision !== 'string' || typeof now !== 'object' || now === null) return null
  const text = (name: string): string | null => (typeof values[name] === 'string' ? values[name] : null)
  return { revision, now: now as Record<string, unknown>, by: text('changed_by_name'), byId: text('changed_by'), at: text('changed_at') }
}

/** One field in which what is there and what would be sent are not the same. */
export type Difference = { field: string; before: string; theirs: string; mine: string }

/** Where two edits of one thing differ, field by field, as far as both state it. */
export function differences(before: object, theirs: object, mine: object): Difference[] {
  const [was, now, wanted] = [leaves(before), leaves(theirs), leaves(mine)]
  const stated = new Set(Object.keys(mine).filter((field) => field in theirs))
  return [...new Set([...now.keys(), ...wanted.keys()])]
    .filter((field) => stated.has(headOf(field)) && !same(now.get(field), wanted.get(field)))
    .map((field) => ({ field, before: textOf(was.get(field)), theirs: textOf(now.get(field)), mine: textOf(wanted.get(field)) }))
}

/** Whether nothing that this change states was changed by others, or to the same, so that it can be made on top of theirs. */
export function isApart(before: object, theirs: object, mine: object): boolean {
  const known = Object.keys(mine).every((field) => field in theirs)
  const [was, now, wanted] = [leaves(before), leaves(theirs), leaves(mine)]
  const fields = [...new Set([...was.keys(), ...now.keys()])].filter((field) => headOf(field) in (known ? mine : theirs))
  // Who may not read it is told nothing of what is there.
  return Object.keys(theirs).length > 0 && fields.every((field) => same(was.get(field), now.get(field)) || (known && same(now.get(field), wanted.get(field))))
}

/** What two edits come to. `alone`: fields that stand for themselves, a map's entries each; all others are one. What was not changed
    here is taken as it is there now; where both changed one thing, mine stands, and it is not clear. */
export function together<Mine extends object>(before: object, theirs: object, mine: Mine, alone: readonly string[]): { both: Mine; isClear: boolean } {
  if (!Object.keys(mine).every((field) => field in theirs)) return { both: mine, isClear: isApart(before, theirs, mine) }
  const was: Fields = { ...before }
  const now: Fields = { ...theirs }
  const both: Fields = Object.fromEntries(Object.entries(mine))
  const rest = Object.keys(mine).filter((field) => !alone.includes(field))
  let isClear = true
  const put = (into: Fields, fields: readonly string[], [first, second]: readonly [Fields, Fields]): void => {
    const [old, there, here] = [partOf(first, fields), partOf(second, fields), partOf(into, fields)]
    if (isAlike(here, old)) {
      for (const field of fields) {
        if (field in there) into[field] = there[field]
        else delete into[field]
      }
    } else if (!isAlike(old, there) && !isAlike(there, here)) isClear = false
  }
  put(both, rest, [was, now])
  for (const field of alone) {
    const [old, there, here] = [was[field], now[field], both[field]]
    if (isMap(old) && isMap(there) && isMap(here)) {
      const entries = { ...here }
      for (const entry of new Set([...Object.keys(old), ...Object.keys(there), ...Object.keys(here)])) put(entries, [entry], [old, there])
      both[field] = entries
    } else put(both, [field], [was, now])
  }
  return { both: both as Mine, isClear }
}

type Fields = Record<string, unknown>

/** A value that has no parts of its own, or a list of such. */
type Leaf = unknown

const headOf = (field: string): string => field.split('.')[0] ?? ''
const isMap = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)
const partOf = (whole: Fields, fields: readonly string[]): Fields => Object.fromEntries(fields.filter((field) => field in whole).map((field) => [field, whole[field]]))

function isAlike(one: object, other: object): boolean {
  const [first, second] = [leaves(one), leaves(other)]
  return [...new Set([...first.keys(), ...second.keys()])].every((field) => same(first.get(field), second.get(field)))
}

/** The values within something by their places, such as 'signal.metric' or 'fields.1.name'. */
function leaves(value: unknown, place = ''): Map<string, Leaf> {
  if (typeof value !== 'object' || value === null || (Array.isArray(value) && value.every((one) => typeof one !== 'object'))) return new Map(place === '' || isNothing(value) ? [] : [[place, value]])
  const found = new Map<string, Leaf>()
  for (const [key, part] of Object.entries(value)) for (const [where, leaf] of leaves(part, place === '' ? key : `${place}.${Array.isArray(value) ? Number(key) + 1 : key}`)) found.set(where, leaf)
  return found
}

/** What is left out, empty or nothing at all stands for the same. */
const isNothing = (value: unknown): boolean => value == null || value === '' || (Array.isArray(value) && value.length === 0)

const textOf = (leaf: Leaf): string => (isNothing(leaf) ? '' : Array.isArray(leaf) ? leaf.join(', ') : String(leaf))

/** Equal; or as numbers where only one of them is a text: the server writes decimals as texts. */
function same(one: Leaf, other: Leaf): boolean {
  if (isNothing(one) || isNothing(other)) return isNothing(one) && isNothing(other)
  if (Array.isArray(one) || Array.isArray(other)) return JSON.stringify(one) === JSON.stringify(other)
  if (typeof one === typeof other) return one === other
  return typeof one !== 'boolean' && typeof other !== 'boolean' && String(one).trim() !== '' && String(other).trim() !== '' && Number(one) === Number(other)
}
