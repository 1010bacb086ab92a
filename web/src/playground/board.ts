/* What stands on the playground: columns of prompt x endpoint, and rows of variables; and as an address to share. Pure. */
import { t } from '@lingui/core/macro'
import { EMPTY, isDraft, isRecord, newVersionOf, objectOf, variablesOf, type Draft } from '../prompts/draft'
import type { Body } from '../api/types'

export type Column = {
  key: number
  /** The prompt; empty for a draft without a name. */
  prompt: string
  version: string
  /** What is asked in place of the version; null asks the version as it is. */
  draft: Draft | null
  endpoint: string
  /** JSON of request fields. */
  parameters: string
  /** JSON list of tools. */
  tools: string
  /** JSON Schema that the answer should keep to. */
  schema: string
}
export type Row = { key: number; variables: Record<string, string>; expected: string | null }
export type Board = { columns: Column[]; rows: Row[] }

/** A browser opens six connections to one server at a time; one is left for everything else. */
export const MOST_COLUMNS = 5
export const MOST_ROWS = 50
/** Longer addresses are cut by what they are sent through. */
const MOST_LINK = 24_000

export const EMPTY_DRAFT: Draft = { ...EMPTY, messages: [{ role: 'user', template: '{{input}}' }] }

export function newColumn(key: number, more: Partial<Column> = {}): Column {
  return { key, prompt: '', version: 'latest', draft: more.prompt ? null : EMPTY_DRAFT, endpoint: '', parameters: '', tools: '', schema: '', ...more }
}

export function newRow(key: number, variables: Record<string, string> = {}, expected: string | null = null): Row {
  return { key, variables, expected }
}

/** The largest key on a board. What was removed may have answers still: its key is not given again. */
export const lastKeyOf = ({ columns, rows }: Board): number => Math.max(0, ...[...columns, ...rows].map(({ key }) => key))

/** What stood on the board when a column was asked. */
export type Asked = { column: Column; names: readonly string[]; rows: readonly Row[] }

/** Whether an answer of a column to a row is one to what stands on the board now. */
export function isAskedNow({ column: before, names, rows }: Asked, column: Column, row: Row): boolean {
  const asked = rows.find(({ key }) => key === row.key)
  return asked !== undefined && JSON.stringify([before, variablesFor(asked, names)]) === JSON.stringify([column, variablesFor(row, names)])
}

export type Tried = NonNullable<Body<'/api/v1/playground', 'post'>>['prompts'][number]

/** What the server is asked to try. */
export function triedOf(column: Column): Tried {
  const { prompt, version, draft } = column
  if (draft === null) return { name: prompt, version }
  return { ...(prompt === '' ? {} : { name: prompt }), version, draft: newVersionOf(draft, '', null) }
}

/** Request fields of a column. Raises what JSON says against a text that is none. */
export function parametersOf({ parameters, tools, schema }: Column): Record<string, unknown> {
  const listed: unknown = tools.trim() === '' ? undefined : JSON.parse(tools)
  if (listed !== undefined && !Array.isArray(listed)) throw new Error(t`tools are a JSON list, such as ${'[{"type": "function", …}]'}`)
  const shape = objectOf(schema)
  return {
    ...objectOf(parameters),
    ...(listed === undefined ? {} : { tools: listed }),
    ...(shape === null ? {} : { response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: shape } } }),
  }
}

/** Why a column cannot be asked yet; null where it can. */
export function faultOfColumn(column: Column): string | null {
  if (column.endpoint === '') return t`choose an endpoint`
  if (column.draft !== null && column.draft.messages.every(({ template }) => template === '')) return t`write something to ask`
  try {
    triedOf(column)
    parametersOf(column)
    return null
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown)
  }
}

/** What rows are to fill in: what the prompts ask for, `input` where that is nothing. */
export function namesOf(columns: readonly Column[], known: (column: Column) => readonly string[]): string[] {
  const found = columns.flatMap((column) => (column.draft === null ? known(column) : variablesOf(column.draft.messages.map(({ template }) => template))))
  const names = [...new Set(found)]
  return names.length === 0 ? ['input'] : names
}

/** A row as variables, those that are empty too: a prompt asks for them by name. */
export function variablesFor(row: Row, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, row.variables[name] ?? '']))
}

/** The board as a part of an address; null where it is too long to share. */
export function linkOf(board: Board): string | null {
  const bytes = new TextEncoder().encode(JSON.stringify(board))
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
  return text.length > MOST_LINK ? null : text
}

/** Reads what `linkOf` wrote; null for anything else. */
export function boardOf(text: string | undefined): Board | null {
  if (text === undefined) return null
  try {
    const bytes = Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0))
    return boardIn(JSON.parse(new TextDecoder().decode(bytes)) as unknown)
  } catch {
    return null
  }
}

/** A board that came from anywhere; null for anything else. */
export function boardIn(read: unknown): Board | null {
  return isBoard(read) ? { columns: read.columns.slice(0, MOST_COLUMNS), rows: read.rows.slice(0, MOST_ROWS) } : null
}

/** An address comes from anywhere: what is not a board in every part is none. */
function isBoard(read: unknown): read is Board {
  if (!isRecord(read) || !Array.isArray(read['columns']) || !Array.isArray(read['rows']) || read['columns'].length === 0) return false
  return read['columns'].every(isColumn) && read['rows'].every((row) => isRecord(row) && typeof row['key'] === 'number' && isTexts(row['variables']) && (row['expected'] === null || typeof row['expected'] === 'string'))
}

function isColumn(column: unknown): boolean {
  if (!isRecord(column) || typeof column['key'] !== 'number') return false
  if (!['prompt', 'version', 'endpoint', 'parameters', 'tools', 'schema'].every((name) => typeof column[name] === 'string')) return false
  return column['draft'] === null || isDraft(column['draft'])
}

const isTexts = (value: unknown): boolean => isRecord(value) && Object.values(value).every((one) => typeof one === 'string')
