/* Requests for runs. A run that has not ended is asked for again; its log only for what is new. */
import { infiniteQueryOptions, queryOptions, type QueryClient } from '@tanstack/react-query'
import { api, body } from '../api/client'
import { unlessLive, whileBusy } from '../api/requests'
import type { LogLine, Run } from '../api/types'

const LOG_PAGE = 500

export const isGoing = ({ status }: Pick<Run, 'status'>): boolean => status === 'pending' || status === 'running'

export const runsQuery = (filter: { kind?: string | undefined }) =>
  infiniteQueryOptions({
    queryKey: ['runs', filter],
    queryFn: ({ pageParam }) => body(api.GET('/api/v1/runs', { params: { query: { kind: filter.kind, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    refetchInterval: whileBusy((data) => data.pages[0]?.items.some(isGoing) ?? false, 3000),
  })

export const RUN_STATES = ['pending', 'running', 'succeeded', 'failed', 'cancelled'] as const

export type JobFilter = { status?: Run['status'] | undefined; kind?: string | undefined; q?: string | undefined }

/** Runs as a queue: asked for again now and then, because others start work, too. */
export const jobsQuery = (filter: JobFilter) =>
  infiniteQueryOptions({
    queryKey: ['runs', 'jobs', filter],
    queryFn: ({ pageParam }) => body(api.GET('/api/v1/runs', { params: { query: { ...filter, is_step: false, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    refetchInterval: whileBusy(() => true, 3000),
  })

export const runQuery = (runId: string) =>
  queryOptions({
    queryKey: ['runs', runId],
    queryFn: () => body(api.GET('/api/v1/runs/{run_id}', { params: { path: { run_id: runId } } })),
    refetchInterval: whileBusy(isGoing),
  })

/** A part of a run is kept apart for a run that goes on: when it has ended it is asked for once more, because the last of it may have come
    since. Meanwhile what was there is shown. */
const partKey = (runId: string, part: string, going: boolean) => ['runs', runId, part, { going }] as const

const meanwhile =
  (runId: string) =>
  <Part>(before: Part | undefined, query: { queryKey: readonly unknown[] } | undefined): Part | undefined =>
    query?.queryKey[1] === runId ? before : undefined

export const stepsQuery = (runId: string, going: boolean) =>
  queryOptions({
    queryKey: partKey(runId, 'steps', going),
    queryFn: () => body(api.GET('/api/v1/runs', { params: { query: { parent_run_id: runId, limit: 100 } } })),
    placeholderData: meanwhile(runId),
    refetchInterval: going ? unlessLive(1500) : false,
  })

export const metricsQuery = (runId: string, going: boolean) =>
  queryOptions({
    queryKey: partKey(runId, 'metrics', going),
    queryFn: () => body(api.GET('/api/v1/runs/{run_id}/metrics', { params: { path: { run_id: runId } } })),
    placeholderData: meanwhile(runId),
    refetchInterval: going ? unlessLive(2000) : false,
  })

export const logsQuery = (runId: string, going: boolean, requests: QueryClient) =>
  queryOptions({
    queryKey: partKey(runId, 'logs', going),
    queryFn: async (): Promise<LogLine[]> => {
      const known = [true, false].map((isSo) => requests.getQueryData<LogLine[]>(partKey(runId, 'logs', isSo)) ?? [])
      const lines = [...known.reduce((one, other) => (other.length > one.length ? other : one))]
      for (;;) {
        const fresh = await body(
          api.GET('/api/v1/runs/{run_id}/logs', {
            params: { path: { run_id: runId }, query: { after: lines.at(-1)?.sequence ?? 0, limit: LOG_PAGE } },
          }),
        )
        lines.push(...fresh)
        if (fresh.length < LOG_PAGE) return lines
      }
    },
    placeholderData: meanwhile(runId),
    refetchInterval: going ? unlessLive(1500) : false,
  })
