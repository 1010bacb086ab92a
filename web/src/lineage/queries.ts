/* Requests for lineage. A thing that nothing was joined to yet has no graph: that is an answer, not a failure. */
import { queryOptions } from '@tanstack/react-query'
import { api, body } from '../api/client'
import { problemOf } from '../api/problem'
import type { Graph } from '../api/types'

export const lineageQuery = (nodeId: string) =>
  queryOptions({
    queryKey: ['lineage', nodeId],
    queryFn: () => graphOrNone(body(api.GET('/api/v1/lineage/{node_id}', { params: { path: { node_id: nodeId } } }))),
  })

export const traceLineageQuery = (traceId: string) =>
  queryOptions({
    queryKey: ['lineage', traceId],
    queryFn: () => graphOrNone(body(api.GET('/api/v1/traces/{trace_id}/lineage', { params: { path: { trace_id: traceId } } }))),
  })

async function graphOrNone(asked: Promise<Graph>): Promise<Graph | null> {
  try {
    return await asked
  } catch (thrown) {
    if (problemOf(thrown).status === 404) return null
    throw thrown
  }
}
