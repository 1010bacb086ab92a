/* Who one is, asked once and kept until signing out; who else may act, their keys, and what was done. */
import { infiniteQueryOptions, queryOptions, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { api, body } from '../api/client'
import type { Body } from '../api/types'
import { forgetTab } from '../ui/kept'

export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: () => body(api.GET('/api/v1/me')),
  staleTime: 5 * 60_000,
})

/** Whether the signed-in actor may do this. False until it is known, so nothing is offered that would be refused. */
export function useMay(permission: string): boolean {
  const { data } = useQuery(meQuery)
  return data?.permissions.includes(permission) ?? false
}

export const actorsQuery = queryOptions({
  queryKey: ['access', 'actors'],
  queryFn: () => body(api.GET('/api/v1/access/actors')),
  staleTime: 60_000,
})

export function useSignIn() {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: (given: { key: string } | { token: string }) => body(api.POST('/api/v1/session', { body: given })),
    onSuccess: () => requests.clear(),
  })
}

export function useSignOut() {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: () => body(api.DELETE('/api/v1/session')),
    onSuccess: () => {
      requests.clear()
      forgetTab()
    },
  })
}

export const rolesQuery = queryOptions({ queryKey: ['access', 'roles'], queryFn: () => body(api.GET('/api/v1/access/roles')), staleTime: 3_600_000 })

export const keysQuery = queryOptions({ queryKey: ['access', 'keys'], queryFn: () => body(api.GET('/api/v1/access/keys')) })

export function useMakeKey() {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: (made: Body<'/api/v1/access/keys', 'post'>) => body(api.POST('/api/v1/access/keys', { body: made })),
    // The key itself is not kept longer than the dialog that shows it.
    gcTime: 0,
    onSuccess: () => requests.invalidateQueries({ queryKey: ['access'] }),
  })
}

export function useRevokeKey(keyId: string) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: () => body(api.DELETE('/api/v1/access/keys/{name}', { params: { path: { name: keyId } } })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['access'] }),
  })
}

export type AuditFilter = { actor?: string | undefined; action?: string | undefined; object?: string | undefined }

export const auditQuery = (filter: AuditFilter) =>
  infiniteQueryOptions({
    queryKey: ['audit', filter],
    queryFn: ({ pageParam }) => body(api.GET('/api/v1/audit', { params: { query: { actor_id: filter.actor, action: filter.action, object_id: filter.object, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  })

export function useVerifyAudit() {
  return useMutation({ mutationFn: (head: string | null) => body(api.GET('/api/v1/audit/verification', { params: { query: { ...(head !== null && { expected_head: head }) } } })) })
}
