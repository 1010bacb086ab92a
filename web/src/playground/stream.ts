/* The events of a grid as they come. The stream is text/event-stream, which the contract does not describe: the shapes below are
   those of `treadle.playground.types`. */
import { askEvents } from '../api/events'
import type { Body } from '../api/types'

export type Told = {
  row: number
  status: 'answered' | 'failed' | 'skipped'
  output: string | null
  tool_calls: { id: string; name: string; arguments: string }[]
  error: string | null
  latency_ms: number
  input_tokens: number | null
  output_tokens: number | null
  cost_usd: string | null
  trace_id: string | null
}
export type StreamEvent = { name: 'delta'; data: { cell: number; text: string } } | { name: 'cell'; data: Told & { cell: number } } | { name: 'start' | 'end'; data: unknown }

/** Asks, and tells every event. Raises a Problem for a refusal and for a stream that broke off. */
export const ask = (wanted: Body<'/api/v1/playground', 'post'>, signal: AbortSignal, tell: (event: StreamEvent) => void): Promise<void> =>
  askEvents('/api/v1/playground', wanted, signal, (event) => tell(event as StreamEvent))
