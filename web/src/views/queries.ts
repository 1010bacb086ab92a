/* Requests for kept filters, of any list. */
import { useDebouncedValue } from '@mantine/hooks'
import { infiniteQueryOptions, queryOptions, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { api, body } from '../api/client'
import type { Body, View } from '../api/types'
import { meQuery } from '../governance/queries'
import type { When } from '../ui/editing'

export type Listed = NonNullable<View['subject']>

export const viewsFound = (subject?: Listed) => (filter: { q?: string | undefined }) =>
  infiniteQueryOptions({
    queryKey: ['views', 'of', subject, filter],
    queryFn: ({ pageParam }) => body(api.GET('/api/v1/views', { params: { query: { ...filter, subject, limit: 100, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  })

export const viewsQuery = (subject?: Listed) => viewsFound(subject)({})

export const viewQuery = (name: string) =>
  queryOptions({
    queryKey: ['views', name],
    queryFn: () => body(api.GET('/api/v1/views/{name}', { params: { path: { name } } })),
    enabled: name !== '',
  })

const WAIT_MS = 150

/** One's own view of a list that has a name, once it is found: what is kept under the name replaces it. */
export function useOwnView(name: string, subject: Listed): View | undefined {
  const [settled] = useDebouncedValue(name, WAIT_MS)
  const me = useQuery(meQuery).data?.actor.actor_id
  const named = useQuery({
    queryKey: ['views', 'named', settled, subject],
    queryFn: () => body(api.GET('/api/v1/views', { params: { query: { q: settled, subject, limit: 500 } } })),
    enabled: settled !== '',
  })
  return named.data?.items.find((view) => view.name === name && view.owner_id === me)
}

/** What of a list is kept; who sees it is said when it is kept. */
export type Kept = { subject: Listed; q: string; search: Record<string, string>; columns: string[] }
export type NewView = Body<'/api/v1/views/{name}', 'put'>

export function useKeepView() {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: ({ name, view, when }: { name: string; view: NewView; when: When }) => body(api.PUT('/api/v1/views/{name}', { params: { path: { name }, header: when }, body: view })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['views'] }),
  })
}

export function useForgetView(name: string) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: () => body(api.DELETE('/api/v1/views/{name}', { params: { path: { name } } })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['views'] }),
  })
}
