/* Requests for how the gateway's targets stand, and for limits with what is used of them. They change by themselves. */
import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, body } from '../api/client'
import type { Target } from '../api/types'

export const TARGET_STATES = ['open', 'probing', 'closed', 'unused'] as const
export type TargetFilter = { state?: Target['state'] | undefined; provider?: string | undefined }

const OFTEN_MS = 5_000

export const targetsQuery = (filter: TargetFilter) =>
  infiniteQueryOptions({
    queryKey: ['targets', filter],
    queryFn: ({ pageParam }) => body(api.GET('/api/v1/gateway/health', { params: { query: { ...filter, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    refetchInterval: OFTEN_MS,
  })

/** Limits of which so much is used, 0-1, or more. */
export const nearlyUsedQuery = (share: number) =>
  queryOptions({
    queryKey: ['limits', 'standing', share],
    queryFn: () => body(api.GET('/api/v1/limits/standing', { params: { query: { at_least: share, limit: 100 } } })),
    refetchInterval: 15_000,
  })

export function useResetBreaker(target: string) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: () => body(api.POST('/api/v1/gateway/resets', { body: { target } })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['targets'] }),
  })
}
