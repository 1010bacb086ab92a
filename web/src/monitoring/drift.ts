/* Requests for monitors of drift and what they read. */
import { infiniteQueryOptions } from '@tanstack/react-query'
import { api, body } from '../api/client'

export const driftMonitorsQuery = infiniteQueryOptions({
  queryKey: ['monitors', 'drift'],
  queryFn: ({ pageParam }) => body(api.GET('/api/v1/monitors', { params: { query: { rule: 'drift', limit: 500, cursor: pageParam } } })),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (last) => last.next_cursor ?? undefined,
  refetchInterval: 15_000,
})

export const readingsQuery = (name: string) =>
  infiniteQueryOptions({
    queryKey: ['monitors', name, 'readings'],
    queryFn: ({ pageParam }) => body(api.GET('/api/v1/monitors/{name}/readings', { params: { path: { name }, query: { limit: 40, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    refetchInterval: 15_000,
  })
