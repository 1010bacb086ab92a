/* Requests for dashboards and for the data of their charts. */
import { keepPreviousData, queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, body } from '../api/client'
import { problemOf } from '../api/problem'
import type { Body, Dashboard } from '../api/types'
import { NEW, TAKEN, type When } from '../ui/editing'
import { namesOf } from './names'
import { spanOf, type RangeName } from './ranges'

export type Chart = Body<'/api/v1/charts/{name}', 'put'>
export type KeptChart = Dashboard['charts'][number]

export const dashboardsQuery = queryOptions({
  queryKey: ['dashboards'],
  queryFn: () => body(api.GET('/api/v1/dashboards')),
  staleTime: 60_000,
})

/** The lines of a chart over a time that ends now; asked for again as the time moves on. */
export const chartQuery = (chart: Pick<Chart, 'signal' | 'by'>, range: RangeName, endpoint: string | undefined) =>
  queryOptions({
    queryKey: ['charts', chart.signal, chart.by, range, endpoint],
    queryFn: async () => {
      const span = spanOf(range, Date.now())
      const signal = endpoint === undefined || chart.signal.metric?.startsWith('engine_') ? chart.signal : { ...chart.signal, endpoint }
      const data = await body(api.POST('/api/v1/charts/data', { body: { signal, by: chart.by ?? null, most: 6, ...span } }))
      return { data, span }
    },
    placeholderData: keepPreviousData,
    refetchInterval: 30_000,
  })

const putChart = (chart: Chart, when: When) => api.PUT('/api/v1/charts/{name}', { params: { path: { name: chart.name }, header: when }, body: chart })

/** Keeps a chart under a name of its own: made from its title, with a number where that is taken. */
async function addChart(chart: Chart) {
  for (const name of namesOf(chart)) {
    try {
      return await body(putChart({ ...chart, name }, NEW))
    } catch (thrown) {
      if (problemOf(thrown).code !== TAKEN) throw thrown
    }
  }
  return body(putChart({ ...chart, name: namesOf(chart)[0] ?? '' }, NEW))
}

/** Changes a chart, or keeps one that has no name yet. */
export function useSaveChart() {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: ({ wanted, when }: { wanted: Chart; when: When }) => (wanted.name === '' ? addChart(wanted) : body(putChart(wanted, when))),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['dashboards'] }),
  })
}

export function useRemoveChart(name: string) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: () => body(api.DELETE('/api/v1/charts/{name}', { params: { path: { name } } })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['dashboards'] }),
  })
}
