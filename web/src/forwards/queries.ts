/* Requests for destinations that spans are sent on to. */
import { infiniteQueryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, body } from '../api/client'
import type { Body } from '../api/types'

export type NewForward = Body<'/api/v1/forwards', 'post'>

export const forwardsQuery = infiniteQueryOptions({
  queryKey: ['forwards'],
  queryFn: ({ pageParam }) => body(api.GET('/api/v1/forwards', { params: { query: { cursor: pageParam } } })),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (last) => last.next_cursor ?? undefined,
  refetchInterval: 10_000,
})

export function useMakeForward() {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: (made: NewForward) => body(api.POST('/api/v1/forwards', { body: made })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['forwards'] }),
  })
}

export function usePauseForward(name: string) {
  const requests = useQueryClient()
  const init = { params: { path: { name } } }
  return useMutation({
    mutationFn: (pause: boolean) => (pause ? body(api.POST('/api/v1/forwards/{name}/pause', init)) : body(api.POST('/api/v1/forwards/{name}/resume', init))),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['forwards'] }),
  })
}

export function useTestForward(name: string) {
  return useMutation({ mutationFn: () => body(api.POST('/api/v1/forwards/{name}/test', { params: { path: { name } } })) })
}

export function useRemoveForward(name: string) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: () => body(api.DELETE('/api/v1/forwards/{name}', { params: { path: { name } } })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['forwards'] }),
  })
}
