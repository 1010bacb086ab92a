/* What can come next in a filter: fields, and values where they are a closed set or known. Pure. The server alone decides what a
   filter means; see docs/filters.md. */
import { t } from '@lingui/core/macro'
import { KINDS, STATUSES } from './queries'

export type Offer = { insert: string; label: string; hint: string }
export type Completion = { from: number; to: number; offers: Offer[] }

type Told = { hint: string; sign?: ':' | '>' | '<'; values?: readonly string[] }

const FIELDS: Record<string, Told> = {
  status: { hint: t`how it ended`, values: STATUSES },
  kind: { hint: t`a span of this sort is in it`, values: KINDS },
  model: { hint: t`model that was called; * for any characters` },
  endpoint: { hint: t`endpoint that was called` },
  latency: { hint: t`longer than, such as 2s`, sign: '>' },
  cost: { hint: t`more than so many dollars`, sign: '>' },
  age: { hint: t`started within, such as 24h`, sign: '<' },
  session: { hint: t`conversation` },
  user: { hint: t`end user` },
  error: { hint: t`code of the error; * for any` },
  tokens: { hint: t`more than so many`, sign: '>' },
  ttft: { hint: t`time to first token`, sign: '>' },
  'score.': { hint: t`a score by its name, such as score.correct<0.5`, sign: ':' },
  'attr.': { hint: t`an attribute by its name`, sign: ':' },
  release: { hint: t`release that answered` },
  arm: { hint: t`of a rollout`, values: ['stable', 'candidate'] },
  tool: { hint: t`tool that was called` },
  provider: { hint: t`who ran the model` },
  name: { hint: t`what was done` },
  service: { hint: t`application that sent it` },
  cache: { hint: t`how the gateway’s cache answered` },
  signal: { hint: t`what was noticed in an answer` },
  key: { hint: t`API key that called` },
  finish: { hint: t`why the model stopped` },
  input_tokens: { hint: t`more than so many`, sign: '>' },
  output_tokens: { hint: t`more than so many`, sign: '>' },
  started: { hint: t`from then on, such as 2026-11-21`, sign: '>' },
  rollout: { hint: t`rollout that moved traffic` },
  model_version: { hint: t`weights that answered` },
  trace: { hint: t`by id` },
  'span.': { hint: t`before a field: any span of the trace` },
  'resource.': { hint: t`what the emitter says of itself` },
}

/** What fits where the caret stands; no offers inside quotes. `known`: values that this project has, by field. */
export function completionAt(text: string, caret: number, known: Readonly<Record<string, readonly string[]>> = {}): Completion {
  const before = text.slice(0, caret)
  const none = { from: caret, to: caret, offers: [] }
  if ((before.match(/(?<!\\)"/g) ?? []).length % 2 === 1) return none
  const word = /[^\s()]*$/.exec(before)?.[0] ?? ''
  const bare = word.replace(/^-/, '').replace(/^(span|root)\./, '')
  const from = caret - bare.length
  const split = /^([a-z_]+)(:|!=|=)(.*)$/.exec(bare)
  if (split) {
    const [, field = '', sign = '', said = ''] = split
    const typed = said.split(',').at(-1) ?? ''
    const values = FIELDS[field]?.values ?? known[field] ?? []
    const offers = values.filter((value) => value.startsWith(typed) && value !== typed).map((value) => ({ insert: quotedIfNeeded(value), label: `${field}${sign}${value}`, hint: '' }))
    return { from: caret - typed.length, to: caret, offers }
  }
  if (/[<>=:"]/.test(bare)) return none
  const offers = Object.entries(FIELDS)
    .filter(([name]) => name.startsWith(bare) && (bare !== '' || word === ''))
    .map(([name, { hint, sign = ':' }]) => ({ insert: name.endsWith('.') ? name : `${name}${sign}`, label: name.endsWith('.') ? `${name}…` : `${name}${sign}`, hint }))
  return { from, to: caret, offers }
}

/** The text with an offer in it, and where the caret then stands. */
export function taken(text: string, { from, to }: Completion, { insert }: Offer): { text: string; caret: number } {
  return { text: text.slice(0, from) + insert + text.slice(to), caret: from + insert.length }
}

export function quotedIfNeeded(value: string): string {
  return /^[\w.@/+-]+$/.test(value) ? value : `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}
