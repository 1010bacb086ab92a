/* Requests for monitors, their windows, alerts and what was sent of them. What goes on is asked for again. */
import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, body } from '../api/client'
import { ofSame, unlessLive, whileBusy } from '../api/requests'
import type { Body } from '../api/types'
import type { When } from '../ui/editing'

export const ALERT_STATES = ['firing', 'resolved'] as const
export type AlertFilter = { status?: (typeof ALERT_STATES)[number] | undefined; monitor?: string | undefined }

export const alertsQuery = (filter: AlertFilter) =>
  infiniteQueryOptions({
    queryKey: ['alerts', filter],
    queryFn: ({ pageParam }) => body(api.GET('/api/v1/alerts', { params: { query: { ...filter, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    refetchInterval: unlessLive(15_000),
  })

export const alertQuery = (alertId: string) =>
  queryOptions({
    queryKey: ['alerts', alertId],
    queryFn: () => body(api.GET('/api/v1/alerts/{alert_id}', { params: { path: { alert_id: alertId } } })),
    refetchInterval: whileBusy((alert) => alert.status === 'firing', 10_000),
  })

export const monitorsFound = (filter: { q?: string | undefined }) =>
  infiniteQueryOptions({
    queryKey: ['monitors', 'found', filter],
    queryFn: ({ pageParam }) => body(api.GET('/api/v1/monitors', { params: { query: { ...filter, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    refetchInterval: unlessLive(15_000),
  })

export const monitorsQuery = monitorsFound({})

/** By name or id; an id survives a change of name. */
export const monitorQuery = (name: string) =>
  queryOptions({
    queryKey: ['monitors', name],
    queryFn: () => body(api.GET('/api/v1/monitors/{name}', { params: { path: { name } } })),
    refetchInterval: unlessLive(15_000),
  })

/** Windows beside the newest that are shown, and on each side of a moment. */
const AROUND = 40

/** A monitor's windows, oldest first: the newest; or those around a moment, which are asked for again only while they still come. */
export const windowsQuery = (name: string, around?: { at: string; minutes: number; goesOn: boolean }) =>
  queryOptions({
    queryKey: ['monitors', name, 'windows', around?.at, around],
    queryFn: async () => {
      const beside = around ? AROUND * around.minutes * 60_000 : 0
      const time = around && { since: new Date(Date.parse(around.at) - beside).toISOString(), until: new Date(Date.parse(around.at) + beside).toISOString() }
      const page = await body(api.GET('/api/v1/monitors/{name}/windows', { params: { path: { name }, query: { limit: around ? 4 * AROUND : 2 * AROUND, ...time } } }))
      return page.items.toReversed()
    },
    // The end of an alert asks once more; what was there stays in sight meanwhile.
    placeholderData: ofSame('monitors', name, 'windows', around?.at),
    refetchInterval: around && !around.goesOn ? false : unlessLive(15_000),
  })

export const deliveriesQuery = (alertId: string) =>
  infiniteQueryOptions({
    queryKey: ['deliveries', alertId],
    queryFn: ({ pageParam }) => body(api.GET('/api/v1/deliveries', { params: { query: { alert_id: alertId, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    refetchInterval: unlessLive(15_000),
  })

/** Tells nobody until a moment; null ends a silence. */
export function useSilence(name: string) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: ({ until, reason }: { until: string | null; reason: string }) =>
      body(api.POST('/api/v1/monitors/{name}/silence', { params: { path: { name } }, body: { until, reason } })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['monitors'] }),
  })
}

export type NewMonitor = Body<'/api/v1/monitors', 'post'>

/** Makes a monitor, or changes the one of this name. */
export function useSaveMonitor(name: string | undefined) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: ({ wanted, when }: { wanted: NewMonitor; when: When }) =>
      name === undefined ? body(api.POST('/api/v1/monitors', { body: wanted })) : body(api.PUT('/api/v1/monitors/{name}', { params: { path: { name }, header: when }, body: wanted })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['monitors'] }),
  })
}

export function useRemoveMonitor(name: string) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: () => body(api.DELETE('/api/v1/monitors/{name}', { params: { path: { name } } })),
    // Not asked for again here: what is gone would be a failure on the page that is being left.
    onSuccess: () => requests.invalidateQueries({ queryKey: ['monitors'], refetchType: 'none' }),
  })
}
