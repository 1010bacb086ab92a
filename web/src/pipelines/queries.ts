/* Requests for turns: once around the loop each. While one goes on it is asked for often; while none does, now and then, so that
   a turn started elsewhere shows up by itself. */
import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, body } from '../api/client'
import { whileBusy } from '../api/requests'
import { spanOf } from '../dashboards/ranges'
import { isGoing } from '../jobs/queries'

const NOW_AND_THEN_MS = 5000

export const turnsQuery = infiniteQueryOptions({
  queryKey: ['turns'],
  queryFn: ({ pageParam }) => body(api.GET('/api/v1/turns', { params: { query: { cursor: pageParam } } })),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (last) => last.next_cursor ?? undefined,
  refetchInterval: whileBusy(() => true, NOW_AND_THEN_MS),
})

export const turnQuery = (turnId: string) =>
  queryOptions({
    queryKey: ['turns', turnId],
    queryFn: () => body(api.GET('/api/v1/turns/{run_id}', { params: { path: { run_id: turnId } } })),
    refetchInterval: whileBusy((turn) => isGoing(turn.run)),
  })

/** The station of a turn where it waits for people before it releases. */
export const ASKS = 'pipelines.ask'

export const askingQuery = infiniteQueryOptions({
  queryKey: ['runs', { asking: true }],
  queryFn: ({ pageParam }) => body(api.GET('/api/v1/runs', { params: { query: { kind: ASKS, status: 'running', cursor: pageParam } } })),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (last) => last.next_cursor ?? undefined,
  refetchInterval: whileBusy(() => true, NOW_AND_THEN_MS),
})

/** Ends a turn at the gate: nothing is released. */
export function useRefuseTurn(turnId: string) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: (reason: string) => body(api.POST('/api/v1/turns/{run_id}/refuse', { params: { path: { run_id: turnId } }, body: { reason } })),
    onSuccess: () => Promise.all(['runs', 'turns'].map((key) => requests.invalidateQueries({ queryKey: [key] }))),
  })
}

/** Errors of the last hour by their code. */
export const failuresQuery = queryOptions({
  queryKey: ['charts', 'errors by code'],
  queryFn: () => body(api.POST('/api/v1/charts/data', { body: { signal: { metric: 'errors' }, by: 'error_code', most: 12, ...spanOf('1h', Date.now()) } })),
  refetchInterval: 30_000,
})

export const newestFeedbackQuery = infiniteQueryOptions({
  queryKey: ['feedback', 'newest'],
  queryFn: () => body(api.GET('/api/v1/feedback', { params: { query: { limit: 100 } } })),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (last) => last.next_cursor ?? undefined,
})
