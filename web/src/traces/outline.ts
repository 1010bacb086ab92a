/* What of a trace's tree is here, and the lines that are in sight of it. Pure; a trace may have 200,000 spans and be deeper than
   the stack, so nothing here recurses, and parts that are not here yet stand as gaps, so that the scroll bar tells the truth. */
import type { TraceTree, TreeRow } from '../api/types'

/** Stands for the parent of the roots. */
export const TOP = ''

export type Outline = {
  rows: ReadonlyMap<string, TreeRow>
  /** Ids of the parts that are here, by parent, in the server's order. */
  parts: ReadonlyMap<string, readonly string[]>
  /** How many roots there are, here or not. */
  rootCount: number
}

export type Line = { kind: 'span'; row: TreeRow; setSize: number; place: number } | { kind: 'gap'; parentId: string; depth: number }

/** What a page of the whole tree brings: rows in depth-first order, each span before its parts. */
export function outlineOf(tree: Pick<TraceTree, 'rows' | 'root_count'>): Outline {
  const rows = new Map<string, TreeRow>()
  const parts = new Map<string, string[]>()
  const above: string[] = []
  for (const row of tree.rows) {
    above.length = row.depth
    const parent = above.at(-1) ?? TOP
    const beside = parts.get(parent)
    if (beside) beside.push(row.span_id)
    else parts.set(parent, [row.span_id])
    rows.set(row.span_id, row)
    above.push(row.span_id)
  }
  return { rows, parts, rootCount: tree.root_count }
}

/** Adds parts of one span; those that are here already stay where they are. */
export function withParts(outline: Outline, parentId: string, fresh: readonly TreeRow[]): Outline {
  const rows = new Map(outline.rows)
  const here = new Set(outline.parts.get(parentId) ?? [])
  for (const row of fresh) {
    here.add(row.span_id)
    rows.set(row.span_id, row)
  }
  return { ...outline, rows, parts: new Map(outline.parts).set(parentId, [...here]) }
}

/** How many parts of a span are not here yet. */
export function missing(outline: Outline, parentId: string): number {
  const all = parentId === TOP ? outline.rootCount : (outline.rows.get(parentId)?.child_count ?? 0)
  return Math.max(0, all - (outline.parts.get(parentId)?.length ?? 0))
}

/** The lines of what is open, from top to bottom. */
export function linesOf(outline: Outline, open: ReadonlySet<string>): Line[] {
  const lines: Line[] = []
  const waiting: { parentId: string; at: number; depth: number }[] = [{ parentId: TOP, at: 0, depth: 0 }]
  for (let frame = waiting.at(-1); frame !== undefined; frame = waiting.at(-1)) {
    const { parentId, depth } = frame
    const ids = outline.parts.get(parentId) ?? []
    const away = missing(outline, parentId)
    const id = ids[frame.at]
    if (id === undefined) {
      for (let gap = 0; gap < away; gap += 1) lines.push({ kind: 'gap', parentId, depth })
      waiting.pop()
      continue
    }
    frame.at += 1
    const row = outline.rows.get(id)
    if (row === undefined) continue
    lines.push({ kind: 'span', row, setSize: ids.length + away, place: frame.at })
    if (open.has(id) && row.child_count > 0) waiting.push({ parentId: id, at: 0, depth: depth + 1 })
  }
  return lines
}

/** What is open at first: everything of a trace that came whole, else the roots, so that the first look is of the trace's shape. */
export function openAtFirst(outline: Outline, isWhole: boolean): Set<string> {
  return new Set(isWhole ? outline.rows.keys() : (outline.parts.get(TOP) ?? []))
}

/** From the first beginning to the last end of what is here, in epoch milliseconds. */
export function timeOf(rows: Iterable<Pick<TreeRow, 'started_at' | 'latency_ms'>>): { from: number; until: number } {
  let from = Infinity
  let until = -Infinity
  for (const row of rows) {
    const begins = Date.parse(row.started_at)
    from = Math.min(from, begins)
    until = Math.max(until, begins + row.latency_ms)
  }
  return from === Infinity ? { from: 0, until: 1 } : { from, until: Math.max(until, from + 0.001) }
}

/** Where a span lies in that time, as shares of it; never narrower than can be seen. */
export function barOf(row: Pick<TreeRow, 'started_at' | 'latency_ms'>, time: { from: number; until: number }): { start: number; width: number } {
  const whole = time.until - time.from
  const start = Math.min(Math.max((Date.parse(row.started_at) - time.from) / whole, 0), 0.995)
  return { start, width: Math.min(Math.max(row.latency_ms / whole, 0.005), 1 - start) }
}

/** The span that holds a line, for going up with a key: the nearest line above that is less deep. */
export function lineAbove(lines: readonly Line[], at: number): number {
  const line = lines[at]
  if (line === undefined) return 0
  const depth = line.kind === 'span' ? line.row.depth : line.depth
  for (let before = at - 1; before >= 0; before -= 1) {
    const one = lines[before]
    if (one?.kind === 'span' && one.row.depth < depth) return before
  }
  return at
}

/** What the spans of a trace came to, said as far as it is known: unknown is neither 0 nor the sum of the rest. */
export function sumsOf(tree: Pick<TraceTree, 'trace' | 'input_tokens' | 'output_tokens' | 'cost_usd' | 'unpriced_count'>): { tokens: [number, number] | null; costUsd: string | null; isPart: boolean } {
  const told = tree.input_tokens + tree.output_tokens > 0 || tree.trace.input_tokens != null
  const priced = tree.cost_usd !== null && (Number(tree.cost_usd) > 0 || told)
  return { tokens: told ? [tree.input_tokens, tree.output_tokens] : null, costUsd: priced ? tree.cost_usd : null, isPart: priced && tree.unpriced_count > 0 }
}
