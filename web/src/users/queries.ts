/* Requests for the end users of applications. */
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { api, body } from '../api/client'

export const usersQuery = (filter: { q?: string | undefined }) =>
  infiniteQueryOptions({
    queryKey: ['users', filter],
    queryFn: ({ pageParam }) => body(api.GET('/api/v1/users', { params: { query: { ...filter, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  })

export const userQuery = (name: string) =>
  queryOptions({
    queryKey: ['users', name],
    queryFn: () => body(api.GET('/api/v1/users/{name}', { params: { path: { name } } })),
  })
