/* Edits that were made on a page and not saved yet: rows changed, taken away and added. Pure; every verb gives a new draft. */
import type { Example, RowValues } from '../api/types'

type Place = { row: number; example_id: string }
export type ChangedRow = Place & { before: RowValues; to: RowValues }
export type DeletedRow = Place & { before: RowValues }

export type Draft = {
  /** The newest version when the first edit was made. */
  newest: number
  changed: Record<number, ChangedRow>
  deleted: Record<number, DeletedRow>
  added: RowValues[]
}

export const emptyDraft = (newest: number): Draft => ({ newest, changed: {}, deleted: {}, added: [] })

export function sizeOf(draft: Draft): number {
  return Object.keys(draft.changed).length + Object.keys(draft.deleted).length + draft.added.length
}

/** What a row holds, in the form that is sent. */
export function valuesOf(example: Example): RowValues {
  return {
    input: example.input,
    expected_output: example.expected_output ?? null,
    messages: example.messages ?? null,
    part: example.part ?? null,
    metadata: example.metadata ?? {},
  }
}

/** A row as it will be: with its edits, where it has some. */
export function shownAs(draft: Draft, example: Example): RowValues {
  return draft.changed[example.row]?.to ?? valuesOf(example)
}

export function change(draft: Draft, example: Example, to: RowValues): Draft {
  const before = valuesOf(example)
  const { [example.row]: _, ...others } = draft.changed
  const isSame = JSON.stringify(before) === JSON.stringify(to)
  return { ...draft, changed: isSame ? others : { ...others, [example.row]: { ...placeOf(example), before, to } } }
}

/** Takes a row away, or puts it back. What was changed in it is kept for the latter. */
export function toggleDeleted(draft: Draft, example: Example): Draft {
  const { [example.row]: was, ...others } = draft.deleted
  return { ...draft, deleted: was === undefined ? { ...others, [example.row]: { ...placeOf(example), before: valuesOf(example) } } : others }
}

export function add(draft: Draft, values: RowValues): Draft {
  return { ...draft, added: [...draft.added, values] }
}

export type Line = { key: string; what: 'changed' | 'deleted' | 'added'; row: number | null; before: RowValues | null; after: RowValues | null }

/** Every pending edit as a line, in order of the rows, added ones last. */
export function linesOf(draft: Draft): Line[] {
  const changed = Object.values(draft.changed).filter(({ row }) => draft.deleted[row] === undefined)
  const lines: Line[] = [
    ...changed.map(({ row, before, to }): Line => ({ key: `changed ${row}`, what: 'changed', row, before, after: to })),
    ...Object.values(draft.deleted).map(({ row, before }): Line => ({ key: `deleted ${row}`, what: 'deleted', row, before, after: null })),
  ]
  lines.sort((one, other) => (one.row ?? 0) - (other.row ?? 0))
  return [...lines, ...draft.added.map((after, at): Line => ({ key: `added ${at}`, what: 'added', row: null, before: null, after }))]
}

/** The draft without one line. */
export function without(draft: Draft, line: Line): Draft {
  if (line.what === 'added') return { ...draft, added: draft.added.filter((_, at) => `added ${at}` !== line.key) }
  const { [line.row ?? 0]: _, ...rest } = line.what === 'changed' ? draft.changed : draft.deleted
  return line.what === 'changed' ? { ...draft, changed: rest as Draft['changed'] } : { ...draft, deleted: rest as Draft['deleted'] }
}

/** The draft without what it says of some rows. */
export function withoutRows(draft: Draft, rows: readonly number[]): Draft {
  const kept = <Held>(held: Record<number, Held>): Record<number, Held> => Object.fromEntries(Object.entries(held).filter(([row]) => !rows.includes(Number(row))))
  return { ...draft, changed: kept(draft.changed), deleted: kept(draft.deleted) }
}

/** What is sent to save it. */
export function editsOf(draft: Draft, message: string, newest: number) {
  return {
    message,
    newest_version: newest,
    changed: Object.values(draft.changed).filter(({ row }) => draft.deleted[row] === undefined).map(({ row, example_id, to }) => ({ row, example_id, to })),
    deleted: Object.values(draft.deleted).map(({ row, example_id }) => ({ row, example_id })),
    added: draft.added,
  }
}

/** A draft that a browser kept; null where it kept none, or something else. */
export function readDraft(said: unknown): Draft | null {
  if (typeof said !== 'object' || said === null || !('newest' in said) || !('changed' in said) || !('deleted' in said) || !('added' in said)) return null
  return Array.isArray(said.added) && typeof said.newest === 'number' ? (said as Draft) : null
}

function placeOf(example: Example): Place {
  return { row: example.row, example_id: example.example_id }
}
