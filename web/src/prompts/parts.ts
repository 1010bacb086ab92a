/* The parts of a prompt version that can be laid beside another's: its messages as they were written, then everything else it
   carries. Pure. */
import { t } from '@lingui/core/macro'
import type { PromptVersion } from '../api/types'

export type Parted = { title: string; before: string | null; after: string | null }

/** What a person wrote: with includes by name where there are any. */
export function writtenOf(version: PromptVersion): PromptVersion['messages'] {
  return version.source && version.source.length > 0 ? version.source : version.messages
}

/** Every part that either has, messages by their place; equal parts are in it. */
export function partsOf(before: PromptVersion, after: PromptVersion): Parted[] {
  const [left, right] = [writtenOf(before), writtenOf(after)]
  const messages = Array.from({ length: Math.max(left.length, right.length) }, (_, at): Parted => {
    const [was, is] = [left[at], right[at]]
    const role = was && is && was.role !== is.role ? t`${was.role}, now ${is.role}` : ((is ?? was)?.role ?? '')
    return { title: t`Message ${at + 1} (${role})`, before: was?.template ?? null, after: is?.template ?? null }
  })
  const others = OTHERS.map(([title, of]): Parted => ({ title, before: of(before), after: of(after) }))
  return [...messages, ...others.filter(({ before: was, after: is }) => was !== null || is !== null)]
}

const OTHERS: [string, (version: PromptVersion) => string | null][] = [
  [t`Kind and language`, (version) => `${version.kind}, ${version.engine}`],
  [t`Parameters`, (version) => json(version.config)],
  [t`Schema of the variables`, (version) => json(version.input_schema)],
  [t`Schema of the answer`, (version) => json(version.output_schema)],
  [t`Examples`, (version) => json(version.examples)],
  [t`Includes`, (version) => (version.includes ?? []).map(({ name, version: which }) => `${name} v${which}`).join('\n') || null],
]

export function json(value: unknown): string | null {
  if (value == null || (typeof value === 'object' && Object.keys(value).length === 0)) return null
  return JSON.stringify(value, null, 2)
}
