/* Requests for experiments. */
import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, body } from '../api/client'
import { ofSame, whileBusy } from '../api/requests'
import type { Body, Experiment, GridOrder } from '../api/types'

export const EXPERIMENT_STATES = ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const
export type ExperimentFilter = { dataset_version_id?: string | undefined; q?: string | undefined; status?: (typeof EXPERIMENT_STATES)[number] | undefined }

export const experimentsFound = (filter: ExperimentFilter) =>
  infiniteQueryOptions({
    queryKey: ['experiments', 'found', filter],
    queryFn: ({ pageParam }) => body(api.GET('/api/v1/experiments', { params: { query: { ...filter, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    refetchInterval: whileBusy((data) => data.pages[0]?.items.some((one) => one.status === 'queued' || one.status === 'running') ?? false, 3000),
  })

export const experimentQuery = (experimentId: string) =>
  queryOptions({
    queryKey: ['experiments', experimentId],
    queryFn: () => body(api.GET('/api/v1/experiments/{experiment_id}', { params: { path: { experiment_id: experimentId } } })),
    refetchInterval: whileBusy((experiment) => experiment.status === 'queued' || experiment.status === 'running'),
  })

/** Whether rows may still come, and figures are not there. */
export const isUnderWay = ({ status }: Pick<Experiment, 'status'>): boolean => status === 'queued' || status === 'running'

const WHILE_UNDER_WAY_MS = 5000

/** What came of an experiment under way is kept apart from what came of it when it had ended: the latter is all of it. */
export const resultsQuery = (experimentId: string, wrongOnly: boolean, isGoing: boolean) =>
  infiniteQueryOptions({
    queryKey: ['experiments', experimentId, 'results', { wrongOnly, isGoing }],
    queryFn: ({ pageParam }) =>
      body(
        api.GET('/api/v1/experiments/{experiment_id}/results', {
          params: { path: { experiment_id: experimentId }, query: { below: wrongOnly ? 1 : undefined, cursor: pageParam } },
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    refetchInterval: whileBusy(() => isGoing, WHILE_UNDER_WAY_MS),
    placeholderData: ofSame('experiments', experimentId),
  })

const KEEP_MS = 10 * 60_000

/** What is to be ruled out: a loss, or a difference either way, in score points 0-1. */
export type Ruled = { margin?: number | undefined; equivalence?: number | undefined }

/** Of two that have ended: it does not change. */
export const comparisonQuery = (baselineId: string, candidateId: string, ruled: Ruled) =>
  queryOptions({
    queryKey: ['experiments', 'compare', baselineId, candidateId, 'rows', ruled],
    queryFn: () =>
      body(
        api.GET('/api/v1/experiments/{baseline_id}/compare/{candidate_id}', {
          params: { path: { baseline_id: baselineId, candidate_id: candidateId }, query: ruled },
        }),
      ),
    staleTime: KEEP_MS,
    // What was ruled out of the same two stays in sight meanwhile; a verdict over another experiment is not this one's.
    placeholderData: ofSame('experiments', 'compare', baselineId, candidateId),
  })

export const biasQuery = (experimentId: string) =>
  queryOptions({
    queryKey: ['experiments', experimentId, 'bias'],
    queryFn: () => body(api.GET('/api/v1/experiments/{experiment_id}/bias', { params: { path: { experiment_id: experimentId } } })),
    staleTime: KEEP_MS,
  })

export const stereotypesQuery = (experimentId: string) =>
  queryOptions({
    queryKey: ['experiments', experimentId, 'stereotypes'],
    queryFn: () => body(api.GET('/api/v1/experiments/{experiment_id}/stereotypes', { params: { path: { experiment_id: experimentId } } })),
    staleTime: KEEP_MS,
  })

export const harnessRunsQuery = (endpoint: string | undefined) =>
  infiniteQueryOptions({
    queryKey: ['harness-runs', 'found', endpoint],
    queryFn: ({ pageParam }) => body(api.GET('/api/v1/harness-runs', { params: { query: { endpoint, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  })

export const harnessRunQuery = (harnessRunId: string) =>
  queryOptions({
    queryKey: ['harness-runs', harnessRunId],
    queryFn: () => body(api.GET('/api/v1/harness-runs/{harness_run_id}', { params: { path: { harness_run_id: harnessRunId } } })),
  })

/** Rows of a grid that are asked for together. */
export const BLOCK = 50

export type GridFilter = { scorer?: string | undefined; by?: 'regressions' | 'row' | undefined; only?: 'regressed' | 'improved' | 'changed' | 'failed' | undefined; part?: Part | undefined }
export type Part = { kind: 'metadata' | 'length' | 'language'; name: string; value: string }

/** How the rows stand. While one filters, what was there before stays in sight, if it is of the same experiments. */
export const gridOrderQuery = (ids: readonly string[], { scorer, by, only, part }: GridFilter, isGoing: boolean) =>
  queryOptions({
    queryKey: ['experiment-grid', ids, 'order', { scorer, by, only, part, isGoing }],
    queryFn: () =>
      body(
        api.GET('/api/v1/experiment-grid/order', {
          params: { query: { experiment: [...ids], scorer, by, only, part_kind: part?.kind, part_name: part?.name, part_value: part?.value } },
        }),
      ),
    enabled: ids.length > 0,
    staleTime: isGoing ? 0 : KEEP_MS,
    refetchInterval: whileBusy(() => isGoing, WHILE_UNDER_WAY_MS),
    placeholderData: (before: GridOrder | undefined) => (before?.experiment_ids.join() === ids.join() ? before : undefined),
  })

export const gridRowsQuery = (ids: readonly string[], rows: readonly number[], isGoing: boolean, cut?: number) =>
  queryOptions({
    queryKey: ['experiment-grid', ids, 'rows', rows, { isGoing, cut }],
    queryFn: () => body(api.GET('/api/v1/experiment-grid', { params: { query: { experiment: [...ids], row: [...rows], cut } } })),
    enabled: rows.length > 0,
    staleTime: isGoing ? 0 : KEEP_MS,
    refetchInterval: whileBusy(() => isGoing, WHILE_UNDER_WAY_MS),
  })

/** By everything but topic, which reads every input with a model: seconds for thousands of rows. */
const PARTS_BY: ('metadata' | 'length' | 'language')[] = ['metadata', 'length', 'language']

export const slicesQuery = (baselineId: string, candidateId: string, scorer: string | undefined) =>
  queryOptions({
    queryKey: ['experiments', 'compare', baselineId, candidateId, 'slices', scorer],
    queryFn: () =>
      body(
        api.GET('/api/v1/experiments/{baseline_id}/compare/{candidate_id}/slices', {
          params: { path: { baseline_id: baselineId, candidate_id: candidateId }, query: { scorer, by: PARTS_BY } },
        }),
      ),
    staleTime: KEEP_MS,
  })

/** Verdicts only: the rows that changed are in the grid. Each reads all results of both. */
export const verdictsQuery = (baselineId: string, candidateId: string, enabled: boolean) =>
  queryOptions({
    queryKey: ['experiments', 'compare', baselineId, candidateId, 'verdicts'],
    queryFn: () =>
      body(
        api.GET('/api/v1/experiments/{baseline_id}/compare/{candidate_id}', {
          params: { path: { baseline_id: baselineId, candidate_id: candidateId }, query: { limit: 0 } },
        }),
      ),
    enabled,
    staleTime: KEEP_MS,
  })

export const scorersQuery = queryOptions({
  queryKey: ['scorers'],
  queryFn: () => body(api.GET('/api/v1/scorers')),
  staleTime: KEEP_MS,
})

export const calibrationsQuery = infiniteQueryOptions({
  queryKey: ['calibrations'],
  queryFn: ({ pageParam }) => body(api.GET('/api/v1/judges/calibrations', { params: { query: { limit: 200, cursor: pageParam } } })),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (last) => last.next_cursor ?? undefined,
})

export const tryScorer = (wanted: Body<'/api/v1/scores', 'post'>) => body(api.POST('/api/v1/scores', { body: wanted }))

export function useStartExperiment() {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: (wanted: Body<'/api/v1/experiments', 'post'>) => body(api.POST('/api/v1/experiments', { body: wanted })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['experiments'] }),
  })
}
