/* What the palette offers for what was typed: places, things that the server found, a trace by its id, and what can be done. Pure. */
import { t } from '@lingui/core/macro'
import type { GraphNode, Run } from '../api/types'
import { placeOf } from '../lineage/places'
import { PLACES } from './places'

export type Entry = {
  key: string
  label: string
  /** What kind of thing it is, in a word or two. */
  kind: string
  /** An address, or something to do: it fails in words for whoever asked. */
  to: string | (() => void | Promise<unknown>)
}

/** Whether the server was asked for it: what it found for other words may still stand there. */
export const isFound = ({ key }: Entry): boolean => /^(?:thing|run) /.test(key)

/** What an Enter goes to that was held until the server had answered: only what it found, never a place or a deed that stands there now. */
export function heldTo(entries: readonly Entry[], chosen: number, hasFailed: boolean): Entry | undefined {
  const entry = entries[chosen]
  return entry !== undefined && isFound(entry) && !hasFailed ? entry : undefined
}

const TRACE_ID = /^[0-9a-f]{32}$/
const VERSION = /^(.+) v\d+$/

/** Places whose name or group begins with what was typed, or holds it; all of them for nothing. */
export function placesFor(typed: string): Entry[] {
  return PLACES.flatMap(({ group, places }) =>
    places.filter(({ label }) => holds(label, typed) || (group !== null && holds(group, typed))).map(({ to, label }) => ({ key: `place ${to}`, label, kind: group ?? t`Place`, to })),
  )
}

/** Things that have a page. Without a number in what was typed the thing is meant, not one of its versions. */
export function foundFor(typed: string, nodes: readonly Pick<GraphNode, 'node_id' | 'kind' | 'title'>[]): Entry[] {
  const wantsVersion = / v\d+$/.test(typed.trim()) || nodes.some((node) => node.node_id === typed.trim())
  const entries: Entry[] = []
  for (const node of nodes) {
    const name = VERSION.exec(node.title)?.[1]
    const whole = !wantsVersion && name !== undefined && node.kind.endsWith(' version') ? { ...node, kind: node.kind.replace(' version', ''), title: name } : node
    const to = whole.kind === 'prompt' ? `/prompts/${encodeURIComponent(whole.title)}` : placeOf(whole)
    if (to !== null) entries.push({ key: `thing ${node.node_id}`, label: whole.title, kind: whole.kind, to })
  }
  return entries
}

export const runsFor = (runs: readonly Run[]): Entry[] => runs.map((run) => ({ key: `run ${run.run_id}`, label: run.title, kind: t`run, ${run.status}`, to: `/runs/${run.run_id}` }))

/** A trace where an id was typed; else the search of all traces for the words. */
export function tracesFor(typed: string): Entry[] {
  const id = typed.trim().toLowerCase()
  if (id === '') return []
  if (TRACE_ID.test(id)) return [{ key: 'trace', label: id, kind: t`trace`, to: `/traces/${id}` }]
  return [{ key: 'traces', label: t`Traces that say “${typed.trim()}”`, kind: t`search`, to: `/traces?text=${encodeURIComponent(typed.trim())}` }]
}

export function holds(text: string, typed: string): boolean {
  return text.toLowerCase().includes(typed.trim().toLowerCase())
}

/** The entry that is next in a direction; around the ends. */
export function stepTo(at: number, by: number, length: number): number {
  return length === 0 ? 0 : (at + by + length) % length
}
