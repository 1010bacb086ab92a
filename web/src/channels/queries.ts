/* Requests for channels: where alerts are told. */
import { infiniteQueryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, body } from '../api/client'
import type { Body } from '../api/types'
import type { When } from '../ui/editing'

export type NewChannel = Body<'/api/v1/channels', 'post'>
export type Destination = NewChannel['destination']

export const channelsFound = (filter: { q?: string | undefined }) =>
  infiniteQueryOptions({
    queryKey: ['channels', filter],
    queryFn: ({ pageParam }) => body(api.GET('/api/v1/channels', { params: { query: { ...filter, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  })

export const channelsQuery = channelsFound({})

export function useMakeChannel() {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: (made: NewChannel) => body(api.POST('/api/v1/channels', { body: made })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['channels'] }),
  })
}

/** Changes what is said of a channel; the rest stays, a webhook's secret too. */
export function useChangeChannel(name: string) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: ({ change, when }: { change: Body<'/api/v1/channels/{name}', 'patch'>; when: When }) => body(api.PATCH('/api/v1/channels/{name}', { params: { path: { name }, header: when }, body: change })),
    onSuccess: () => Promise.all([requests.invalidateQueries({ queryKey: ['channels'] }), requests.invalidateQueries({ queryKey: ['monitors'] })]),
  })
}

export function useTestChannel(name: string) {
  return useMutation({ mutationFn: () => body(api.POST('/api/v1/channels/{name}/test', { params: { path: { name } } })) })
}

export function useRemoveChannel(name: string) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: () => body(api.DELETE('/api/v1/channels/{name}', { params: { path: { name } } })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['channels'] }),
  })
}
