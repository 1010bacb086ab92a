/* Requests for what training adds to a run: the report of its pre-flight. */
import { queryOptions } from '@tanstack/react-query'
import { api, body } from '../api/client'

/** The kinds of runs that examine their rows first. */
export const EXAMINED = new Set(['training.finetune', 'training.preflight'])

/** The report; null while the run has not come that far. */
export const preflightQuery = (runId: string, going: boolean) =>
  queryOptions({
    queryKey: ['training', runId, 'preflight'],
    queryFn: async () => (await body(api.GET('/api/v1/training/runs/{run_id}/preflight', { params: { path: { run_id: runId } } }))).report,
    refetchInterval: (query) => (going && query.state.data == null ? 3000 : false),
  })
