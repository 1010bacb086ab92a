/* Requests for the gateway: limits with what is used of them, providers, what the cache did, how an endpoint routes. */
import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, body } from '../api/client'
import type { Body, Watched } from '../api/types'
import { spanOf } from '../dashboards/ranges'
import type { When } from '../ui/editing'

export type NewLimit = Body<'/api/v1/limits', 'post'>
export type NewProvider = Body<'/api/v1/providers', 'post'>
export type ChangedProvider = Body<'/api/v1/providers/{name}', 'put'>
export type EndpointChange = Body<'/api/v1/endpoints/{name}', 'patch'>

const OFTEN_MS = 10_000

export const limitsQuery = infiniteQueryOptions({
  queryKey: ['limits'],
  queryFn: ({ pageParam }) => body(api.GET('/api/v1/limits', { params: { query: { cursor: pageParam } } })),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (last) => last.next_cursor ?? undefined,
})

/** Of each subject that used it in the present window; those that used most come first. */
export const usageQuery = (limitId: string) =>
  queryOptions({
    queryKey: ['limits', limitId, 'usage'],
    queryFn: () => body(api.GET('/api/v1/limits/{limit_id}/usage', { params: { path: { limit_id: limitId }, query: { limit: 5 } } })),
    refetchInterval: OFTEN_MS,
  })

export const providersQuery = queryOptions({ queryKey: ['providers'], queryFn: () => body(api.GET('/api/v1/providers')) })

export const presetsQuery = queryOptions({ queryKey: ['providers', 'presets'], queryFn: () => body(api.GET('/api/v1/providers/presets')), staleTime: 3_600_000 })

export const cacheQuery = queryOptions({ queryKey: ['cache'], queryFn: () => body(api.GET('/api/v1/cache')), refetchInterval: OFTEN_MS })

/** A figure of the last day for each endpoint: the 50 with the most traffic. */
export const byEndpointQuery = (metric: Watched['metric']) =>
  queryOptions({
    queryKey: ['charts', 'by endpoint', metric],
    queryFn: () => body(api.POST('/api/v1/charts/data', { body: { signal: { metric }, by: 'endpoint', most: 50, ...spanOf('24h', Date.now()) } })),
    refetchInterval: 30_000,
  })

export function useSetLimit() {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: ({ wanted, when }: { wanted: NewLimit; when: When }) => body(api.POST('/api/v1/limits', { params: { header: when }, body: wanted })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['limits'] }),
  })
}

export function useRemoveLimit(limitId: string) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: () => body(api.DELETE('/api/v1/limits/{limit_id}', { params: { path: { limit_id: limitId } } })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['limits'] }),
  })
}

export function useAddProvider() {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: (provider: NewProvider) => body(api.POST('/api/v1/providers', { body: provider })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['providers'] }),
  })
}

export function useChangeProvider(name: string) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: ({ changed, when }: { changed: ChangedProvider; when: When }) => body(api.PUT('/api/v1/providers/{name}', { params: { path: { name }, header: when }, body: changed })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['providers'] }),
  })
}

export function useCheckProvider(name: string) {
  return useMutation({ mutationFn: (model: string | null) => body(api.POST('/api/v1/providers/{name}/check', { params: { path: { name } }, body: { model } })) })
}

export function useProviderKey(name: string) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: (value: string) => body(api.PUT('/api/v1/providers/{name}/key', { params: { path: { name } }, body: { value } })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['providers'] }),
  })
}

export function useRemoveProvider(name: string) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: () => body(api.DELETE('/api/v1/providers/{name}', { params: { path: { name } } })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['providers'] }),
  })
}

export function useChangeEndpoint(name: string) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: ({ change, when }: { change: EndpointChange; when: When }) => body(api.PATCH('/api/v1/endpoints/{name}', { params: { path: { name }, header: when }, body: change })),
    onSuccess: () => Promise.all([requests.invalidateQueries({ queryKey: ['endpoints'] }), requests.invalidateQueries({ queryKey: ['cache'] })]),
  })
}

export function useClearCache(endpoint: string) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: () => body(api.DELETE('/api/v1/cache/{endpoint}', { params: { path: { endpoint } } })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['cache'] }),
  })
}
