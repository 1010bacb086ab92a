/* Requests for datasets, their versions, examples, profiles and changes. Versions never change, so they are kept long. */
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { api, body } from '../api/client'

const KEEP_MS = 10 * 60_000
export const EXAMPLES_PAGE = 50

export const PARTS = ['train', 'validation', 'test'] as const
export type Part = (typeof PARTS)[number]
export type ExampleFilter = { text?: string | undefined; part?: Part | undefined; label?: string | undefined; row?: number | undefined }
export const KINDS = ['changed', 'added', 'removed', 'moved'] as const
export type DifferenceFilter = { against: string; kind?: (typeof KINDS)[number] | undefined }
export type ChangeFilter = { reason?: string | undefined }

export const datasetsFound = (filter: { q?: string | undefined }) =>
  infiniteQueryOptions({
    queryKey: ['datasets', 'found', filter],
    queryFn: ({ pageParam }) => body(api.GET('/api/v1/datasets', { params: { query: { ...filter, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  })

export const datasetsQuery = datasetsFound({})

export const datasetQuery = (name: string) =>
  queryOptions({
    queryKey: ['datasets', name],
    queryFn: () => body(api.GET('/api/v1/datasets/{name}', { params: { path: { name } } })),
  })

export const versionsQuery = (name: string) =>
  infiniteQueryOptions({
    queryKey: ['datasets', name, 'versions'],
    queryFn: ({ pageParam }) =>
      body(api.GET('/api/v1/datasets/{name}/versions', { params: { path: { name }, query: { cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  })

export const versionQuery = (name: string, version: string) =>
  queryOptions({
    queryKey: ['datasets', name, 'versions', version],
    queryFn: () => body(api.GET('/api/v1/datasets/{name}/versions/{version}', { params: { path: { name, version } } })),
  })

export const profileQuery = (name: string, version: string) =>
  queryOptions({
    queryKey: ['datasets', name, 'versions', version, 'profile'],
    queryFn: () => body(api.GET('/api/v1/datasets/{name}/versions/{version}/profile', { params: { path: { name, version } } })),
    staleTime: KEEP_MS,
  })

export const examplesQuery = (name: string, version: string, filter: ExampleFilter) =>
  infiniteQueryOptions({
    queryKey: ['datasets', name, 'versions', version, 'examples', filter],
    queryFn: ({ pageParam }) =>
      body(
        api.GET('/api/v1/datasets/{name}/versions/{version}/examples', {
          params: { path: { name, version }, query: { ...filter, cursor: pageParam, limit: EXAMPLES_PAGE } },
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    staleTime: KEEP_MS,
  })

export const changesQuery = (name: string, version: string, filter: ChangeFilter) =>
  infiniteQueryOptions({
    queryKey: ['datasets', name, 'versions', version, 'changes', filter],
    queryFn: ({ pageParam }) =>
      body(
        api.GET('/api/v1/datasets/{name}/versions/{version}/changes', {
          params: { path: { name, version }, query: { ...filter, cursor: pageParam, limit: EXAMPLES_PAGE } },
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    staleTime: KEEP_MS,
  })

export const differenceQuery = (name: string, version: string, filter: DifferenceFilter) =>
  infiniteQueryOptions({
    queryKey: ['datasets', name, 'versions', version, 'difference', filter],
    queryFn: ({ pageParam }) =>
      body(
        api.GET('/api/v1/datasets/{name}/versions/{version}/difference', {
          params: { path: { name, version }, query: { ...filter, cursor: pageParam, limit: EXAMPLES_PAGE } },
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    staleTime: KEEP_MS,
  })

export const mapQuery = (name: string, version: string) =>
  queryOptions({
    queryKey: ['datasets', name, 'versions', version, 'map'],
    queryFn: () => body(api.GET('/api/v1/datasets/{name}/versions/{version}/map', { params: { path: { name, version } } })),
    staleTime: KEEP_MS,
  })

export const duplicatesQuery = (name: string, version: string) =>
  infiniteQueryOptions({
    queryKey: ['datasets', name, 'versions', version, 'duplicates'],
    queryFn: ({ pageParam }) => body(api.GET('/api/v1/datasets/{name}/versions/{version}/duplicates', { params: { path: { name, version }, query: { cursor: pageParam, limit: 20 } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    staleTime: KEEP_MS,
  })
