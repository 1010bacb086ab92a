/* The list that a trace was opened from, as this browser tab remembers it, and who stands beside a trace in it. */
import type { Trace } from '../api/types'
import type { Sort, TraceFilter } from './queries'

const KEY = 'treadle-traces-list'

export type TraceList = { filter: TraceFilter; sort?: Sort }

/** Remembered by the tab alone, so that two tabs with two lists do not mix. */
export function rememberList(list: TraceList): void {
  window.sessionStorage.setItem(KEY, JSON.stringify(list))
}

/** What the last list was filtered by and its order; null where this tab has seen none. */
export function rememberedList(): TraceList | null {
  try {
    const kept: unknown = JSON.parse(window.sessionStorage.getItem(KEY) ?? 'null')
    return typeof kept === 'object' && kept !== null && 'filter' in kept ? (kept as TraceList) : null
  } catch {
    return null
  }
}

export type Neighbours = { before: string | null; after: string | null; place: number }

/** Null where the trace does not stand in the list. Pure. */
export function neighboursOf(traces: readonly Pick<Trace, 'trace_id'>[], traceId: string): Neighbours | null {
  const at = traces.findIndex((trace) => trace.trace_id === traceId)
  if (at < 0) return null
  return { before: traces[at - 1]?.trace_id ?? null, after: traces[at + 1]?.trace_id ?? null, place: at + 1 }
}
