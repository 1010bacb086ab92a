/* Requests for prompts, their versions, labels, and what was found about a version. Versions never change, so they are kept long. */
import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, body } from '../api/client'
import type { Body } from '../api/types'
import type { When } from '../ui/editing'

const KEEP_MS = 10 * 60_000

export const promptsFound = (filter: { q?: string | undefined; label?: string | undefined }) =>
  infiniteQueryOptions({
    queryKey: ['prompts', 'found', filter],
    queryFn: ({ pageParam }) => body(api.GET('/api/v1/prompts', { params: { query: { ...filter, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  })

export const promptsQuery = promptsFound({})

export const promptQuery = (name: string) =>
  queryOptions({
    queryKey: ['prompts', name],
    queryFn: () => body(api.GET('/api/v1/prompts/{name}', { params: { path: { name } } })),
  })

export const promptVersionsQuery = (name: string) =>
  queryOptions({
    queryKey: ['prompts', name, 'versions'],
    queryFn: () => body(api.GET('/api/v1/prompts/{name}/versions', { params: { path: { name } } })),
  })

export const promptVersionQuery = (name: string, version: string) =>
  queryOptions({
    queryKey: ['prompts', name, 'versions', version],
    queryFn: () => body(api.GET('/api/v1/prompts/{name}/versions/{version}', { params: { path: { name, version } } })),
  })

export const policiesQuery = queryOptions({
  queryKey: ['prompt-labels'],
  queryFn: () => body(api.GET('/api/v1/prompt-labels')),
})

const atVersion = (name: string, version: number) => ({ params: { path: { name, version: String(version) } } })

export const lintQuery = (name: string, version: number) =>
  queryOptions({
    queryKey: ['prompts', name, 'versions', version, 'lint'],
    queryFn: () => body(api.GET('/api/v1/prompts/{name}/versions/{version}/lint', atVersion(name, version))),
    staleTime: KEEP_MS,
  })

export const safetyQuery = (name: string, version: number) =>
  queryOptions({
    queryKey: ['prompts', name, 'versions', version, 'safety'],
    queryFn: () => body(api.GET('/api/v1/prompts/{name}/versions/{version}/safety', atVersion(name, version))),
  })

/** What a version is for some models, filled in with these variables. */
export const previewQuery = (name: string, version: number, models: readonly string[], variables: Record<string, string>, requests: number) =>
  queryOptions({
    queryKey: ['prompts', name, 'versions', version, 'preview', models, variables, requests],
    queryFn: () =>
      body(api.POST('/api/v1/prompts/{name}/versions/{version}/preview', { ...atVersion(name, version), body: { models: [...models], variables, output_tokens: 256, requests } })),
    enabled: models.length > 0,
    staleTime: KEEP_MS,
  })

/** The newest experiments that these versions framed. */
export const experimentsOfQuery = (promptVersionIds: readonly string[]) =>
  queryOptions({
    queryKey: ['experiments', { promptVersionIds }],
    queryFn: () => body(api.GET('/api/v1/experiments', { params: { query: { prompt_version_id: promptVersionIds.slice(0, 100), limit: 500 } } })),
    enabled: promptVersionIds.length > 0,
  })

export type NewVersion = Body<'/api/v1/prompts/{name}/versions', 'post'>

/** Saves on top of what was seen: the server refuses where there is something newer by then. */
export function useSaveVersion(name: string) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: ({ draft, ifLatest }: { draft: NewVersion; ifLatest: number }) =>
      body(api.POST('/api/v1/prompts/{name}/versions', { params: { path: { name }, query: { if_latest: ifLatest } }, body: draft })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['prompts'] }),
  })
}

export function useMoveLabel(name: string) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: ({ label, version, override, when }: { label: string; version: number; override: string; when: When }) =>
      body(api.PUT('/api/v1/prompts/{name}/labels/{label}', { params: { path: { name, label }, header: when }, body: { version, ...(override === '' ? {} : { override }) } })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['prompts'] }),
  })
}

export const startSafety = (name: string, version: number, endpoint: string) =>
  body(api.POST('/api/v1/prompts/{name}/versions/{version}/safety', { ...atVersion(name, version), body: { endpoint } as Body<'/api/v1/prompts/{name}/versions/{version}/safety', 'post'> }))
