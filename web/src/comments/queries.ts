/* Requests for comments, who can be mentioned, and what asks for the reader. All of it is told live. */
import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, body } from '../api/client'
import { unlessLive } from '../api/requests'
import type { About } from './about'

export const commentsQuery = (about: About) =>
  infiniteQueryOptions({
    queryKey: ['comments', about.kind, about.name],
    queryFn: ({ pageParam }) => body(api.GET('/api/v1/comments', { params: { query: { ...about, limit: 200, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    refetchInterval: unlessLive(15_000),
  })

export const commentCountQuery = (about: About) =>
  queryOptions({
    queryKey: ['comments', about.kind, about.name, 'count'],
    queryFn: () => body(api.GET('/api/v1/comments/count', { params: { query: about } })),
    retry: false,
  })

export const peopleQuery = (said: string) =>
  queryOptions({
    queryKey: ['people', said],
    queryFn: () => body(api.GET('/api/v1/comments/people', { params: { query: { q: said, limit: 8 } } })),
    staleTime: 60_000,
  })

export const mentionsQuery = infiniteQueryOptions({
  queryKey: ['mentions'],
  queryFn: ({ pageParam }) => body(api.GET('/api/v1/comments/mentions', { params: { query: { limit: 30, cursor: pageParam } } })),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (last) => last.next_cursor ?? undefined,
})

export const mentionCountQuery = queryOptions({
  queryKey: ['mentions', 'count'],
  queryFn: () => body(api.GET('/api/v1/comments/mentions/count')),
  refetchInterval: unlessLive(30_000),
})

const at = (comment_id: string) => ({ params: { path: { comment_id } } })

/** A thread, or an answer in the one of `replyTo`. */
export function useSay(about: About, replyTo: string | null) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: (said: string) =>
      replyTo === null
        ? body(api.POST('/api/v1/comments', { body: { ...about, body: said } }))
        : body(api.POST('/api/v1/comments/{comment_id}/replies', { ...at(replyTo), body: { body: said } })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['comments'] }),
  })
}

/** Saves on top of the version that was read; the server refuses where there is a newer one by then. */
export function useEdit(commentId: string) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: ({ said, version }: { said: string; version: number }) => body(api.PUT('/api/v1/comments/{comment_id}', { ...at(commentId), body: { body: said, version } })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['comments'] }),
  })
}

export function useDelete(commentId: string) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: () => body(api.DELETE('/api/v1/comments/{comment_id}', at(commentId))),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['comments'] }),
  })
}

export function useResolve(commentId: string) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: (isResolved: boolean) => body(api.PUT('/api/v1/comments/{comment_id}/resolution', { ...at(commentId), body: { is_resolved: isResolved } })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['comments'] }),
  })
}

/** `null`: all of them. */
export function useRead() {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: (commentIds: string[] | null) => body(api.POST('/api/v1/comments/mentions/read', { body: { comment_ids: commentIds } })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['mentions'] }),
  })
}
