/* Requests for the palette: things by name and runs by title in one round; people where one may see them. */
import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { api, body } from '../api/client'

const MOST = 12

export const foundQuery = (text: string) =>
  queryOptions({
    queryKey: ['found', text],
    queryFn: async () => {
      const [nodes, runs] = await Promise.all([
        body(api.GET('/api/v1/lineage', { params: { query: { q: text, limit: MOST } } })),
        body(api.GET('/api/v1/runs', { params: { query: { q: text, limit: 4 } } })),
      ])
      return { nodes: nodes.items, runs: runs.items }
    },
    enabled: text.length > 0,
    placeholderData: keepPreviousData,
  })
