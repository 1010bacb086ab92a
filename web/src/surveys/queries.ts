/* Requests for surveys, what they came to, and what was answered. */
import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, body } from '../api/client'
import { unlessLive } from '../api/requests'
import type { Body } from '../api/types'
import type { When } from '../ui/editing'

export type NewSurvey = Body<'/api/v1/surveys', 'put'>

export const surveysQuery = infiniteQueryOptions({
  queryKey: ['surveys'],
  queryFn: ({ pageParam }) => body(api.GET('/api/v1/surveys', { params: { query: { cursor: pageParam } } })),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (last) => last.next_cursor ?? undefined,
})

export const surveyQuery = (name: string) =>
  queryOptions({
    queryKey: ['surveys', name],
    queryFn: () => body(api.GET('/api/v1/surveys/{name}', { params: { path: { name } } })),
    refetchInterval: unlessLive(15_000),
  })

export const resultsQuery = (name: string) =>
  queryOptions({
    queryKey: ['surveys', name, 'results'],
    queryFn: () => body(api.GET('/api/v1/surveys/{name}/results', { params: { path: { name } } })),
    refetchInterval: unlessLive(15_000),
  })

export const answersQuery = (name: string) =>
  infiniteQueryOptions({
    queryKey: ['surveys', name, 'answers'],
    queryFn: ({ pageParam }) => body(api.GET('/api/v1/surveys/{name}/answers', { params: { path: { name }, query: { cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  })

export function useSaveSurvey() {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: ({ wanted, when }: { wanted: NewSurvey; when: When }) => body(api.PUT('/api/v1/surveys', { params: { header: when }, body: wanted })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['surveys'] }),
  })
}
