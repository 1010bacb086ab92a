/* Requests for models, their versions and cards. A version never changes. */
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { api, body } from '../api/client'

const KEEP_MS = 10 * 60_000

export const modelsFound = (filter: { q?: string | undefined; alias?: string | undefined }) =>
  infiniteQueryOptions({
    queryKey: ['models', 'found', filter],
    queryFn: ({ pageParam }) => body(api.GET('/api/v1/models', { params: { query: { ...filter, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  })

export const modelsQuery = modelsFound({})

export const modelQuery = (name: string) =>
  queryOptions({
    queryKey: ['models', name],
    queryFn: () => body(api.GET('/api/v1/models/{name}', { params: { path: { name } } })),
  })

export const modelVersionsQuery = (name: string) =>
  queryOptions({
    queryKey: ['models', name, 'versions'],
    queryFn: () => body(api.GET('/api/v1/models/{name}/versions', { params: { path: { name } } })),
  })

export const modelVersionQuery = (name: string, version: string) =>
  queryOptions({
    queryKey: ['models', name, 'versions', version],
    queryFn: () => body(api.GET('/api/v1/models/{name}/versions/{version}', { params: { path: { name, version } } })),
    staleTime: KEEP_MS,
  })

/** The card grows while others measure the version. */
export const cardQuery = (name: string, version: string) =>
  queryOptions({
    queryKey: ['models', name, 'versions', version, 'card'],
    queryFn: () => body(api.GET('/api/v1/models/{name}/versions/{version}/card', { params: { path: { name, version } } })),
  })

/** The experiments that tried a version, newest first: they timed its answers. */
export const measuredQuery = (modelVersionId: string) =>
  infiniteQueryOptions({
    queryKey: ['experiments', { modelVersionId }],
    queryFn: ({ pageParam }) => body(api.GET('/api/v1/experiments', { params: { query: { model_version_id: modelVersionId, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  })
