/* Requests for schedules: when a turn of the wheel goes by itself. */
import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, body } from '../api/client'
import type { Body } from '../api/types'
import type { When } from '../ui/editing'

export type NewSchedule = Body<'/api/v1/schedules', 'put'>

export const schedulesQuery = infiniteQueryOptions({
  queryKey: ['schedules'],
  queryFn: ({ pageParam }) => body(api.GET('/api/v1/schedules', { params: { query: { cursor: pageParam } } })),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (last) => last.next_cursor ?? undefined,
  refetchInterval: 15_000,
})

export const scheduleQuery = (name: string) =>
  queryOptions({
    queryKey: ['schedules', name],
    queryFn: () => body(api.GET('/api/v1/schedules/{name}', { params: { path: { name } } })),
    refetchInterval: 15_000,
  })

export const firingsQuery = (name: string) =>
  infiniteQueryOptions({
    queryKey: ['schedules', name, 'firings'],
    queryFn: ({ pageParam }) => body(api.GET('/api/v1/schedules/{name}/firings', { params: { path: { name }, query: { cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  })

export function useSaveSchedule() {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: ({ wanted, when }: { wanted: NewSchedule; when: When }) => body(api.PUT('/api/v1/schedules', { params: { header: when }, body: wanted })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['schedules'] }),
  })
}

export function useRemoveSchedule(name: string) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: () => body(api.DELETE('/api/v1/schedules/{name}', { params: { path: { name } } })),
    // Not asked for again here: what is gone would be a failure on the page that is being left.
    onSuccess: () => requests.invalidateQueries({ queryKey: ['schedules'], refetchType: 'none' }),
  })
}
