/* Requests for searches for better prompts and what they tried. */
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { api, body } from '../api/client'
import { ofSame, whileBusy } from '../api/requests'
import type { Optimization } from '../api/types'

const WHILE_UNDER_WAY_MS = 3000

export const isUnderWay = ({ status }: Pick<Optimization, 'status'>): boolean => status === 'pending' || status === 'running'

export const optimizationsQuery = infiniteQueryOptions({
  queryKey: ['optimizations', 'found'],
  queryFn: ({ pageParam }) => body(api.GET('/api/v1/optimizations', { params: { query: { cursor: pageParam } } })),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (last) => last.next_cursor ?? undefined,
  refetchInterval: whileBusy((data) => data.pages[0]?.items.some(isUnderWay) ?? false, WHILE_UNDER_WAY_MS),
})

export const optimizationQuery = (optimizationId: string) =>
  queryOptions({
    queryKey: ['optimizations', optimizationId],
    queryFn: () => body(api.GET('/api/v1/optimizations/{optimization_id}', { params: { path: { optimization_id: optimizationId } } })),
    refetchInterval: whileBusy(isUnderWay),
  })

/** What was tried by a search under way is kept apart from all that it tried. */
export const candidatesQuery = (optimizationId: string, isGoing: boolean) =>
  infiniteQueryOptions({
    queryKey: ['optimizations', optimizationId, 'candidates', { isGoing }],
    queryFn: ({ pageParam }) =>
      body(api.GET('/api/v1/optimizations/{optimization_id}/candidates', { params: { path: { optimization_id: optimizationId }, query: { limit: 200, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    refetchInterval: whileBusy(() => isGoing, WHILE_UNDER_WAY_MS),
    placeholderData: ofSame('optimizations', optimizationId, 'candidates'),
  })
