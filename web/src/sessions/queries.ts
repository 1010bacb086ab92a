/* Requests for sessions, and the traces of one in the order in which they were said. */
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { api, body } from '../api/client'

export const sessionsQuery = (filter: { q?: string | undefined }) =>
  infiniteQueryOptions({
    queryKey: ['sessions', filter],
    queryFn: ({ pageParam }) => body(api.GET('/api/v1/sessions', { params: { query: { ...filter, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  })

export const sessionQuery = (name: string) =>
  queryOptions({
    queryKey: ['sessions', name],
    queryFn: () => body(api.GET('/api/v1/sessions/{name}', { params: { path: { name } } })),
  })

/** Each turn with what was really asked and answered: a list shows only its beginning. */
export const turnQuery = (traceId: string) =>
  queryOptions({
    queryKey: ['traces', traceId, 'root'],
    queryFn: async () => {
      const path = { trace_id: traceId }
      const tree = await body(api.GET('/api/v1/traces/{trace_id}/tree', { params: { path, query: { levels: 1, limit: 1 } } }))
      const root = tree.rows[0]
      return root === undefined ? null : body(api.GET('/api/v1/traces/{trace_id}/spans/{span_id}', { params: { path: { ...path, span_id: root.span_id } } }))
    },
    staleTime: 60_000,
  })
