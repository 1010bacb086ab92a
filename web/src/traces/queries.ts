/* Requests for traces and what was said about them. */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query'
import { api, body } from '../api/client'
import { unlessLive } from '../api/requests'
import type { TraceTree } from '../api/types'
import type { FigureName } from './timeline'

export const STATUSES = ['ok', 'error', 'cancelled'] as const
export const SORTS = ['newest', 'latency', 'cost'] as const
export type Sort = (typeof SORTS)[number]
export const KINDS = ['llm', 'embedding', 'retrieval', 'rerank', 'tool', 'agent', 'chain', 'guardrail', 'evaluator'] as const

export type TraceFilter = {
  endpoint?: string | undefined
  status?: (typeof STATUSES)[number] | undefined
  text?: string | undefined
  /** A filter in words, see docs/filters.md. */
  q?: string | undefined
  since?: string | undefined
  until?: string | undefined
  release_id?: string | undefined
  session_id?: string | undefined
}

/** How a list is shown, beside what it is filtered by. */
export type TraceSearch = TraceFilter & { view?: string | undefined; columns?: string | undefined; sort?: Sort | undefined; figure?: FigureName | undefined; ticked?: string | undefined }

export const tracesQuery = (filter: TraceFilter, sort: Sort = 'newest') =>
  infiniteQueryOptions({
    queryKey: ['traces', filter, sort],
    queryFn: ({ pageParam }) => body(api.GET('/api/v1/traces', { params: { query: { ...filter, sort, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  })

/** The same traces over time: the dearest question of the list, so not asked again at each trace that comes. */
export const chartQuery = (filter: TraceFilter) =>
  queryOptions({
    queryKey: ['traces', 'over time', filter],
    queryFn: () => body(api.GET('/api/v1/traces/chart', { params: { query: { ...filter, bars: 48 } } })),
    placeholderData: keepPreviousData,
    staleTime: 30_000,
    refetchInterval: unlessLive(30_000),
  })

/** How many spans are asked for at once; a trace of fewer comes whole. */
export const TREE_PAGE = 500

/** The beginning of a trace's tree: all of it where that is one page, else the roots and what is right below them. */
export const treeQuery = (traceId: string) =>
  queryOptions({
    queryKey: ['traces', traceId, 'tree'],
    queryFn: async () => {
      const path = { trace_id: traceId }
      const top = await body(api.GET('/api/v1/traces/{trace_id}/tree', { params: { path, query: { levels: 2, limit: TREE_PAGE } } }))
      if (top.depth <= 2 || top.span_count > TREE_PAGE) return top
      return body(api.GET('/api/v1/traces/{trace_id}/tree', { params: { path, query: { limit: TREE_PAGE } } }))
    },
    staleTime: 60_000,
  })

/** A page of what is right below a span; of the roots where none is named. */
export const partsOf = (traceId: string, parentId: string | undefined, cursor: string | undefined): Promise<TraceTree> =>
  body(
    api.GET('/api/v1/traces/{trace_id}/tree', {
      params: { path: { trace_id: traceId }, query: { parent_id: parentId, levels: 1, limit: TREE_PAGE, cursor } },
    }),
  )

/** One span with its content; the one before stays in sight until it is here. */
export const spanQuery = (traceId: string, spanId: string) =>
  queryOptions({
    queryKey: ['traces', traceId, 'spans', spanId],
    queryFn: () => body(api.GET('/api/v1/traces/{trace_id}/spans/{span_id}', { params: { path: { trace_id: traceId, span_id: spanId } } })),
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  })

const FOUND_AT_MOST = 200

/** Spans of one trace that a filter finds, in order of start. A single word is looked for in names too. */
export const foundQuery = (traceId: string, said: string) =>
  queryOptions({
    queryKey: ['traces', traceId, 'found', said],
    queryFn: async () => {
      const filters = [said, ...(/^[\p{L}\p{N}_-]+$/u.test(said) ? [`name:*${said}*`] : [])]
      const pages = await Promise.all(
        filters.map((filter) => body(api.GET('/api/v1/spans', { params: { query: { q: `trace:${traceId} (${filter})`, limit: FOUND_AT_MOST } } }))),
      )
      const spans = [...new Map(pages.flatMap((page) => page.items).map((span) => [span.span_id, span])).values()]
      spans.sort((one, other) => one.started_at.localeCompare(other.started_at))
      return { spans, isAll: pages.every((page) => page.next_cursor == null) }
    },
    enabled: said !== '',
    placeholderData: keepPreviousData,
  })
