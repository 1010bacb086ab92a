/* Requests for callers that stood out, and for what is done about them. */
import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, body } from '../api/client'
import type { Body, Finding } from '../api/types'
import type { When } from '../ui/editing'

export type Policy = Body<'/api/v1/abuse/policy', 'put'>
export type KeptPolicy = Policy & { revision: string }
export const FINDING_STATES = ['open', 'dismissed', 'over'] as const

export const findingsQuery = (filter: { status?: string | undefined; caller?: string | undefined }) =>
  infiniteQueryOptions({
    queryKey: ['abuse', filter],
    queryFn: ({ pageParam }) => body(api.GET('/api/v1/abuse/findings', { params: { query: { status: FINDING_STATES.find((known): known is Finding['status'] => known === filter.status), caller: filter.caller, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  })

export const policyQuery = queryOptions({ queryKey: ['abuse', 'policy'], queryFn: () => body(api.GET('/api/v1/abuse/policy')) })

export function useDismiss(findingId: string) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: () => body(api.POST('/api/v1/abuse/findings/{finding_id}/dismiss', { params: { path: { finding_id: findingId } } })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['abuse'] }),
  })
}

export function useSetPolicy() {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: ({ wanted, when }: { wanted: Policy; when: When }) => body(api.PUT('/api/v1/abuse/policy', { params: { header: when }, body: wanted })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['abuse'] }),
  })
}
