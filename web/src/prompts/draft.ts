/* A version while it is being written: texts as one types them, and what they mean to the server. Pure. */
import { t } from '@lingui/core/macro'
import type { PromptVersion } from '../api/types'
import { json, writtenOf } from './parts'
import type { NewVersion } from './queries'

export type Role = PromptVersion['messages'][number]['role']
export type Draft = {
  kind: 'text' | 'chat'
  engine: 'mustache' | 'jinja'
  messages: { role: Role; template: string }[]
  config: string
  inputSchema: string
  outputSchema: string
  /** Filled from a dataset, not typed: a draft keeps those it was begun with. */
  examples?: PromptVersion['examples']
}

/** What a browser kept or an address holds may be anything: only what is a draft in every part is one. */
export function isDraft(read: unknown): read is Draft {
  if (!isRecord(read) || !['kind', 'engine', 'config', 'inputSchema', 'outputSchema'].every((name) => typeof read[name] === 'string')) return false
  const messages = read['messages']
  return Array.isArray(messages) && messages.every((one) => isRecord(one) && typeof one['role'] === 'string' && typeof one['template'] === 'string')
}

export const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** A version that somebody was writing, as the browser kept it. */
export type Kept = {
  /** The version that it was begun from; null for a first one. */
  base: number | null
  /** The newest version that was seen: it is saved on top of that. */
  seen: number
  draft: Draft
  message: string
}

/** What `keep` wrote; null for anything else. */
export function keptOf(read: unknown): Kept | null {
  if (!isRecord(read)) return null
  const { base, seen, draft, message } = read
  if (!(base === null || typeof base === 'number') || typeof seen !== 'number' || !isDraft(draft) || typeof message !== 'string') return null
  return { base, seen, draft, message }
}

export const ROLES: Role[] = ['system', 'user', 'assistant']
export const EMPTY: Draft = { kind: 'chat', engine: 'mustache', messages: [{ role: 'system', template: '' }, { role: 'user', template: '{{input}}' }], config: '', inputSchema: '', outputSchema: '' }

export function draftOf(version: PromptVersion): Draft {
  return {
    kind: version.kind,
    engine: version.engine,
    messages: writtenOf(version).map(({ role, template }) => ({ role, template })),
    config: json(version.config) ?? '',
    inputSchema: json(version.input_schema) ?? '',
    outputSchema: json(version.output_schema) ?? '',
    ...(version.examples ? { examples: version.examples } : {}),
  }
}

export function newVersionOf(draft: Draft, message: string, base: PromptVersion | null): NewVersion {
  return {
    messages: draft.messages.filter(({ template }) => template !== ''),
    kind: draft.kind,
    engine: draft.engine,
    message,
    config: objectOf(draft.config) ?? {},
    input_schema: objectOf(draft.inputSchema),
    output_schema: objectOf(draft.outputSchema),
    examples: draft.examples ?? null,
    ...(base ? { parents: [base.version] } : {}),
  }
}

/** Why a text is no JSON object; null where it is one, or empty. */
export function faultOf(text: string): string | null {
  try {
    objectOf(text)
    return null
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown)
  }
}

export function objectOf(text: string): Record<string, unknown> | null {
  if (text.trim() === '') return null
  const value: unknown = JSON.parse(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(t`this should be a JSON object, such as ${'{"temperature": 0}'}`)
  return value as Record<string, unknown>
}

const NAME = /\{\{\{?\s*([#^&]?)\s*([\p{L}_][\p{L}\p{N}_.]*)\s*\}?\}\}/gu

/** The names that a text in Mustache asks for, in the order in which they come; the server's own list decides. */
export function variablesOf(texts: readonly string[]): string[] {
  const found = new Set<string>()
  for (const text of texts) for (const [, , name] of text.matchAll(NAME)) if (name && name !== 'this' && name !== 'else') found.add(name.split('.')[0]!)
  return [...found]
}
