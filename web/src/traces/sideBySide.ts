/* Two traces side by side: their steps by name and kind, those that differ most in time first. Pure. */
import type { TreeRow } from '../api/types'

export type Steps = { count: number; failed: number; latencyMs: number }
export type StepLine = { key: string; name: string; kind: string; one: Steps | null; other: Steps | null; differenceMs: number }

type Row = Pick<TreeRow, 'name' | 'kind' | 'status' | 'latency_ms'>

export function stepsOf(one: readonly Row[], other: readonly Row[]): StepLine[] {
  const [first, second] = [grouped(one), grouped(other)]
  const keys = [...new Set([...first.keys(), ...second.keys()])]
  const lines = keys.map((key): StepLine => {
    const [kind = '', name = ''] = split(key)
    const [a, b] = [first.get(key) ?? null, second.get(key) ?? null]
    return { key, kind, name, one: a, other: b, differenceMs: (b?.latencyMs ?? 0) - (a?.latencyMs ?? 0) }
  })
  return lines.sort((a, b) => Math.abs(b.differenceMs) - Math.abs(a.differenceMs) || a.name.localeCompare(b.name))
}

function grouped(rows: readonly Row[]): Map<string, Steps> {
  const found = new Map<string, Steps>()
  for (const row of rows) {
    const key = `${row.kind} ${row.name}`
    const held = found.get(key) ?? { count: 0, failed: 0, latencyMs: 0 }
    held.count += 1
    held.failed += row.status === 'error' ? 1 : 0
    held.latencyMs += row.latency_ms
    found.set(key, held)
  }
  return found
}

/** A kind is one word, a name may be many. */
function split(key: string): [string, string] {
  const at = key.indexOf(' ')
  return [key.slice(0, at), key.slice(at + 1)]
}
