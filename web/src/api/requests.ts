/* How answers are kept and when they are asked for again. One rule for failures: a request that the server refused is not
   repeated, one that no server answered is, and a session that ended leads to signing in. */
import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query'
import { liveness } from '../live/liveness'
import { problemOf } from './problem'

const AGAIN_AFTER_GONE_MS = 3000
/** What was seen so lately is not asked for again only because somebody comes back to the window. */
const SEEN_LATELY_MS = 60_000

export function makeRequests(onSignedOut: () => void): QueryClient {
  const look = (thrown: unknown): void => {
    if (problemOf(thrown).status === 401) onSignedOut()
  }
  return new QueryClient({
    queryCache: new QueryCache({ onError: look }),
    mutationCache: new MutationCache({ onError: look }),
    defaultOptions: {
      queries: {
        staleTime: 5000,
        retry: (failures, thrown) => problemOf(thrown).status === 0 && failures < 1,
        retryDelay: 400,
        refetchOnWindowFocus: ({ state }) => !isLong(state.data) && Date.now() - state.dataUpdatedAt > SEEN_LATELY_MS,
        // A server that went away is asked again until it is back; any other answer stands.
        refetchInterval: (query) => (query.state.error && problemOf(query.state.error).status === 0 ? AGAIN_AFTER_GONE_MS : false),
      },
    },
  })
}

const WHILE_LIVE_MS = 30_000

/** How often to ask while nobody tells of changes; while somebody does, now and then all the same, because a note may be lost. */
export function unlessLive(everyMs: number) {
  return (): number => (liveness.isLive() ? Math.max(everyMs, WHILE_LIVE_MS) : everyMs)
}

/** Ask again every `everyMs` while `busy` holds of the newest answer, and while no server answers at all; as `unlessLive`. */
export function whileBusy<T>(busy: (data: T) => boolean, everyMs = 1500) {
  return (query: { state: { data?: T | undefined; error: Error | null } }): number | false => {
    if (query.state.error && problemOf(query.state.error).status === 0) return AGAIN_AFTER_GONE_MS
    return query.state.data !== undefined && busy(query.state.data) ? unlessLive(everyMs)() : false
  }
}

/** What was there before stays in sight while one narrows it, where its key begins the same; of anything else it would say what is not so. */
export const ofSame =
  (...begins: readonly unknown[]) =>
  <T>(before: T | undefined, query: { queryKey: readonly unknown[] } | undefined): T | undefined =>
    query !== undefined && begins.every((part, at) => query.queryKey[at] === part) ? before : undefined

/** A list of which more than the first page was read: all of its pages would be read again. */
function isLong(data: unknown): boolean {
  return typeof data === 'object' && data !== null && 'pages' in data && Array.isArray(data.pages) && data.pages.length > 1
}
