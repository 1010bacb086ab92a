/* Requests for endpoints, rollouts and releases. A rollout under way is asked for again every two seconds. */
import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient, type QueryClient } from '@tanstack/react-query'
import { api, body } from '../api/client'
import { unlessLive, whileBusy } from '../api/requests'
import type { Endpoint, EvidencePoint, Rollout } from '../api/types'
import { useNamed } from '../lineage/names'

const EVIDENCE_PAGE = 500
const MOVING = new Set<Rollout['status']>(['pending', 'running', 'paused', 'held'])

export const isMoving = (rollout: Rollout): boolean => MOVING.has(rollout.status)

/** Whether a promotion can be taken back: the endpoint still serves what it brought, and nothing else is on its way. */
export const canBeUndone = (rollout: Rollout, endpoint: Endpoint): boolean =>
  rollout.status === 'promoted' &&
  endpoint.stable_release_id === rollout.candidate_release_id &&
  endpoint.rollout_id == null &&
  endpoint.next_release_id == null &&
  (endpoint.previous_release_id == null || endpoint.previous_release_id === rollout.stable_release_id)

export const endpointsFound = (filter: { q?: string | undefined }) =>
  infiniteQueryOptions({
    queryKey: ['endpoints', 'found', filter],
    queryFn: ({ pageParam }) => body(api.GET('/api/v1/endpoints', { params: { query: { ...filter, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  })

export const endpointsQuery = endpointsFound({})

export const endpointQuery = (name: string) =>
  queryOptions({
    queryKey: ['endpoints', name],
    queryFn: () => body(api.GET('/api/v1/endpoints/{name}', { params: { path: { name } } })),
    refetchInterval: whileBusy((endpoint) => endpoint.rollout_id != null || endpoint.next_release_id != null, 3000),
  })

export const rolloutsQuery = (endpoint: string) =>
  infiniteQueryOptions({
    queryKey: ['rollouts', { endpoint }],
    queryFn: ({ pageParam }) => body(api.GET('/api/v1/rollouts', { params: { query: { endpoint, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  })

export const ROLLOUT_STATES = ['pending', 'running', 'paused', 'held', 'promoted', 'rolled_back'] as const
export type RolloutFilter = { endpoint?: string | undefined; waiting?: string | undefined; status?: Rollout['status'] | undefined }

export const allRolloutsQuery = (filter: RolloutFilter) =>
  infiniteQueryOptions({
    queryKey: ['rollouts', 'all', filter],
    queryFn: ({ pageParam }) => body(api.GET('/api/v1/rollouts', { params: { query: { endpoint: filter.endpoint, status: filter.status, needs_attention: filter.waiting !== undefined, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    refetchInterval: whileBusy((data) => data.pages[0]?.items.some(isMoving) ?? false, 3000),
  })

/** Rollouts that do not go on without a person; the first page is enough to say so. */
export const needAttentionQuery = queryOptions({
  queryKey: ['rollouts', 'need attention'],
  queryFn: () => body(api.GET('/api/v1/rollouts', { params: { query: { needs_attention: true } } })),
  refetchInterval: unlessLive(5000),
})

export const rolloutQuery = (rolloutId: string) =>
  queryOptions({
    queryKey: ['rollouts', rolloutId],
    queryFn: () => body(api.GET('/api/v1/rollouts/{rollout_id}', { params: { path: { rollout_id: rolloutId } } })),
    refetchInterval: whileBusy(isMoving, 2000),
  })

/** Every reading of a rollout, in order; all of it, because a chart of half would mislead. Asks only for what is new. */
export const evidenceQuery = (rolloutId: string, moving: boolean, requests: QueryClient) => {
  const queryKey = ['rollouts', rolloutId, 'evidence']
  return queryOptions({
    queryKey,
    queryFn: async () => {
      const points = [...(requests.getQueryData<EvidencePoint[]>(queryKey) ?? [])]
      for (;;) {
        const fresh = await body(
          api.GET('/api/v1/rollouts/{rollout_id}/evidence', {
            params: { path: { rollout_id: rolloutId }, query: { after: points.at(-1)?.sequence ?? 0, limit: EVIDENCE_PAGE } },
          }),
        )
        points.push(...fresh)
        if (fresh.length < EVIDENCE_PAGE) return points
      }
    },
    refetchInterval: moving ? unlessLive(2000) : false,
  })
}

export const releasesFound = (filter: { q?: string | undefined }) =>
  infiniteQueryOptions({
    queryKey: ['releases', 'found', filter],
    queryFn: ({ pageParam }) => body(api.GET('/api/v1/releases', { params: { query: { ...filter, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  })

export const releasesQuery = releasesFound({})

export const releaseQuery = (releaseId: string) =>
  queryOptions({
    queryKey: ['releases', releaseId],
    queryFn: () => body(api.GET('/api/v1/releases/{release_id}', { params: { path: { release_id: releaseId } } })),
    staleTime: 30_000,
  })

/** The newest releases of one line. */
export const lineQuery = (name: string) =>
  queryOptions({
    queryKey: ['releases', 'line', name],
    queryFn: () => body(api.GET('/api/v1/releases', { params: { query: { name, limit: 100 } } })),
  })

/** Releases never change, so neither does what they differ in. */
export const diffQuery = (before: string, after: string) =>
  queryOptions({
    queryKey: ['releases', before, 'diff', after],
    queryFn: () => body(api.GET('/api/v1/releases/{release_id}/diff/{other_id}', { params: { path: { release_id: before, other_id: after } } })),
    staleTime: Infinity,
  })

/** Made anew each time the page is opened. */
export const reportQuery = (releaseId: string) =>
  queryOptions({
    queryKey: ['reports', releaseId],
    queryFn: () => body(api.GET('/api/v1/releases/{release_id}/report', { params: { path: { release_id: releaseId } } })),
    staleTime: 0,
  })

export const environmentsQuery = queryOptions({
  queryKey: ['environments'],
  queryFn: () => body(api.GET('/api/v1/environments')),
  staleTime: 30_000,
})

/** Whether a release may begin to serve in an environment. Under 'releases', so that an approval asks again. */
export const standingQuery = (releaseId: string, environment: string) =>
  queryOptions({
    queryKey: ['releases', releaseId, 'standing', environment],
    queryFn: () =>
      body(api.GET('/api/v1/environments/{name}/releases/{release_id}', { params: { path: { name: environment, release_id: releaseId } } })),
  })

/** What people call a release: 'support v3'. */
export function useReleaseName(releaseId: string | null | undefined): string | null {
  return useNamed(releaseId)?.title ?? null
}

export type RolloutAction = 'promote' | 'rollback' | 'pause' | 'resume'

/** Throws an endpoint's kill switch with a reason, or lets it serve again with none. */
export function useSwitch(name: string) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: (reason: string | null) =>
      reason === null
        ? body(api.POST('/api/v1/endpoints/{name}/enable', { params: { path: { name } } }))
        : body(api.POST('/api/v1/endpoints/{name}/disable', { params: { path: { name } }, body: { reason } })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['endpoints'] }),
  })
}

export function useRolloutAction(rolloutId: string) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: ({ action, releaseId }: { action: RolloutAction; releaseId?: string }) => {
      const init = { params: { path: { rollout_id: rolloutId } } }
      switch (action) {
        case 'promote':
          return body(api.POST('/api/v1/rollouts/{rollout_id}/promote', { ...init, ...(releaseId !== undefined && { body: { release_id: releaseId } }) }))
        case 'rollback':
          return body(api.POST('/api/v1/rollouts/{rollout_id}/rollback', init))
        case 'pause':
          return body(api.POST('/api/v1/rollouts/{rollout_id}/pause', init))
        case 'resume':
          return body(api.POST('/api/v1/rollouts/{rollout_id}/resume', init))
      }
    },
    onSuccess: () => Promise.all([requests.invalidateQueries({ queryKey: ['rollouts'] }), requests.invalidateQueries({ queryKey: ['endpoints'] })]),
  })
}
