/* Requests for queues, and what a judge does in one. */
import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, body } from '../api/client'
import { unlessLive } from '../api/requests'
import type { Body, Work } from '../api/types'
import type { When } from '../ui/editing'
import type { Answers } from './answers'

/** How many items are opened beside the one that is shown, so that the next is there at once. */
const AHEAD = 3

export const queuesFound = (filter: { q?: string | undefined }) =>
  infiniteQueryOptions({
    queryKey: ['queues', 'found', filter],
    queryFn: ({ pageParam }) => body(api.GET('/api/v1/queues', { params: { query: { ...filter, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    refetchInterval: unlessLive(15_000),
  })

export const queuesQuery = queuesFound({})

export const queueQuery = (name: string) =>
  queryOptions({
    queryKey: ['queues', name],
    queryFn: () => body(api.GET('/api/v1/queues/{name}', { params: { path: { name } } })),
    refetchInterval: unlessLive(15_000),
  })

export const itemsQuery = (name: string) =>
  infiniteQueryOptions({
    queryKey: ['queues', name, 'items'],
    queryFn: ({ pageParam }) => body(api.GET('/api/v1/queues/{name}/items', { params: { path: { name }, query: { limit: 20, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    refetchInterval: unlessLive(15_000),
  })

export const agreementQuery = (name: string) =>
  queryOptions({
    queryKey: ['queues', name, 'agreement'],
    queryFn: () => body(api.GET('/api/v1/queues/{name}/agreement', { params: { path: { name } } })),
  })

export const openNext = (name: string): Promise<Work[]> =>
  body(api.POST('/api/v1/queues/{name}/next', { params: { path: { name }, query: { ahead: AHEAD } } }))

export const judge = (name: string, itemId: string, answers: Answers, comment: string) =>
  body(
    api.PUT('/api/v1/queues/{name}/items/{item_id}/judgement', {
      params: { path: { name, item_id: itemId } },
      body: { answers, ...(comment === '' ? {} : { comment }) },
    }),
  )

export const skip = (name: string, itemId: string) =>
  body(api.PUT('/api/v1/queues/{name}/items/{item_id}/skip', { params: { path: { name, item_id: itemId } }, body: {} }))

export const undo = (name: string): Promise<Work> => body(api.POST('/api/v1/queues/{name}/undo', { params: { path: { name } } }))

export type NewQueue = Body<'/api/v1/queues', 'post'>

/** Makes a queue, or changes the one of this name. */
export function useSaveQueue(name: string | undefined) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: ({ wanted, when }: { wanted: NewQueue; when: When }) =>
      name === undefined ? body(api.POST('/api/v1/queues', { body: wanted })) : body(api.PUT('/api/v1/queues/{name}', { params: { path: { name }, header: when }, body: wanted })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['queues'] }),
  })
}

export function useRemoveQueue(name: string) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: () => body(api.DELETE('/api/v1/queues/{name}', { params: { path: { name } } })),
    // Not asked for again here: what is gone would be a failure on the page that is being left.
    onSuccess: () => requests.invalidateQueries({ queryKey: ['queues'], refetchType: 'none' }),
  })
}

export type NewItem = Body<'/api/v1/queues/{name}/items', 'post'>['items'][number]

export function useAddItems(name: string) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: (items: NewItem[]) => body(api.POST('/api/v1/queues/{name}/items', { params: { path: { name } }, body: { items } })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['queues'] }),
  })
}
