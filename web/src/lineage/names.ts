/* What people call things, by their ids: what a page shows at once is asked for in one request. A name never
   changes; what has none yet may get one. */
import { queryOptions, useQuery } from '@tanstack/react-query'
import { api, body } from '../api/client'
import type { GraphNode } from '../api/types'

/** The server names so many at once. */
const MOST = 100
/** Links of one page are drawn within it. */
const GATHER_MS = 10

type Named = Pick<GraphNode, 'node_id' | 'kind' | 'title'>

/** Gathers single questions into one. `ask` leaves out what has no name; what one question fails with, each fails with. */
export function gathered(ask: (ids: string[]) => Promise<readonly Named[]>): (id: string) => Promise<Named | null> {
  let waiting: { id: string; take: (named: Named | null) => void; fail: (thrown: unknown) => void }[] = []
  const send = async (some: typeof waiting): Promise<void> => {
    try {
      const named = new Map((await ask([...new Set(some.map(({ id }) => id))])).map((one) => [one.node_id, one]))
      for (const { id, take } of some) take(named.get(id) ?? null)
    } catch (thrown) {
      for (const { fail } of some) fail(thrown)
    }
  }
  return (id) =>
    new Promise((take, fail) => {
      if (waiting.length === 0) {
        setTimeout(() => {
          const all = waiting
          waiting = []
          for (let at = 0; at < all.length; at += MOST) void send(all.slice(at, at + MOST))
        }, GATHER_MS)
      }
      waiting.push({ id, take, fail })
    })
}

const nameOf = gathered(async (ids) => (await body(api.GET('/api/v1/lineage/nodes', { params: { query: { node_id: ids } } }))).items)

const nameQuery = (id: string) => queryOptions({ queryKey: ['names', id], queryFn: () => nameOf(id), staleTime: ({ state }) => (state.data ? Infinity : 0) })

/** What people call a thing, such as 'support v3'; undefined until it is known, null where it has no name. */
export function useNamed(id: string | null | undefined): Named | null | undefined {
  return useQuery({ ...nameQuery(id ?? ''), enabled: id != null }).data
}
