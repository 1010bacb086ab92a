/* Requests for feedback on one answer. */
import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, body } from '../api/client'
import type { Body } from '../api/types'

export const feedbackQuery = (traceId: string) =>
  queryOptions({
    queryKey: ['feedback', traceId],
    queryFn: () => body(api.GET('/api/v1/feedback', { params: { query: { trace_id: traceId, limit: 100 } } })),
  })

export type Judgement = Omit<Body<'/api/v1/feedback', 'post'>, 'trace_id' | 'source'>

export function useJudge(traceId: string) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: (said: Judgement) => body(api.POST('/api/v1/feedback', { body: { ...said, trace_id: traceId, source: 'human' } })),
    onSuccess: () => {
      // Lists show the score when they are next looked at: read again now, many pages would be.
      void requests.invalidateQueries({ queryKey: ['traces'], predicate: ({ queryKey }) => typeof queryKey[1] === 'object', refetchType: 'none' })
      return Promise.all([requests.invalidateQueries({ queryKey: ['feedback', traceId] }), requests.invalidateQueries({ queryKey: ['traces', traceId, 'tree'] })])
    },
  })
}
