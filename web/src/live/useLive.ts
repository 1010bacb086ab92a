/* Follows what the server tells of changes while the window is in sight, and has what is shown asked for again. A browser opens six
   connections to one server for all of its windows, so one that nobody looks at keeps none. */
import { useQueryClient, type QueryClient } from '@tanstack/react-query'
import { useDocumentVisibility } from '@mantine/hooks'
import { useEffect, useRef } from 'react'
import { readStream, type Told } from '../api/events'
import { problemOf } from '../api/problem'
import { isTouched, type Changed } from './keys'
import { liveness } from './liveness'
import { msBetween, thisMoment, type Moment } from './moments'

/** After a page was opened, so that whoever passes through is not announced. */
const SETTLE_MS = 300
/** Between two rounds of asking again: runs tell of themselves once a second. */
const ROUND_MS = 1000
/** What the server takes as a page: no query, at most so long. */
const MOST_OF_A_PATH = 300
/** So much of what was told before a stream ended may have got lost on its way. */
const ON_ITS_WAY_MS = 1000
/** The server remembers so much. */
const MOST_RECENT_MS = 30_000
const AGAIN_MS = [1000, 2000, 5000, 15_000] as const
const REFUSED_AGAIN_MS = 30_000

/** `page`: the path of what is shown; others on it are told who is here. */
export function useLive(page: string): void {
  const requests = useQueryClient()
  const visible = useDocumentVisibility() === 'visible'
  const known = useRef<Known>({ place: undefined, until: thisMoment(), isFollowed: false })
  const rounds = useRef<Rounds>(undefined)
  useEffect(() => {
    const changed = makeRounds(requests)
    rounds.current = changed
    return changed.stop
  }, [requests])
  useEffect(() => {
    const changed = rounds.current
    if (!visible || changed === undefined) return undefined
    const now = known.current
    const leaving = new AbortController()
    const settled = window.setTimeout(() => void follow(page, now, changed, leaving.signal), SETTLE_MS)
    return () => {
      window.clearTimeout(settled)
      leaving.abort()
      if (now.isFollowed) now.until = thisMoment()
      now.isFollowed = false
      liveness.setHere([])
    }
  }, [page, visible, requests])
}

/** Until when everything that changed was told: the last place in the log, and a moment for what has none. */
type Known = { place: string | undefined; until: Moment; isFollowed: boolean }

async function follow(page: string, known: Known, changed: Rounds, signal: AbortSignal): Promise<void> {
  let failures = 0
  let wasLost = false
  let askedAt = thisMoment()
  const take = (event: Told): void => {
    if (event.id !== undefined) known.place = event.id
    if (event.name === 'ready') {
      failures = 0
      known.isFollowed = true
      liveness.set('live')
      // What has no place in the log is told again for a while only: after a longer gap everything is asked for, and where it took
      // longer to ask than was allowed for.
      if (wasLost || msBetween(askedAt, thisMoment()) > ON_ITS_WAY_MS) changed.all()
      wasLost = false
    }
    if (event.name === 'change') {
      const { kind, object_id: id } = event.data as { kind: string; object_id: string | null }
      changed.add({ kind, id })
    }
    if (event.name === 'resync') changed.all()
    if (event.name === 'presence') liveness.setHere((event.data as { names: string[] }).names)
  }
  while (!signal.aborted) {
    const headers: HeadersInit = known.place === undefined ? {} : { 'last-event-id': known.place }
    const where = page.replace(/[?#\p{Cc}]/gu, encodeURIComponent).slice(0, MOST_OF_A_PATH)
    askedAt = thisMoment()
    const recent = Math.ceil(msBetween(known.until, askedAt)) + ON_ITS_WAY_MS
    if (recent > MOST_RECENT_MS) wasLost = true
    const asked = `/api/v1/changes?page=${encodeURIComponent(where)}&recent_ms=${Math.min(recent, MOST_RECENT_MS)}`
    const refused = await readStream(asked, { headers, signal, cache: 'no-store' }, take).then(
      () => null,
      (thrown: unknown) => problemOf(thrown),
    )
    if (signal.aborted) return
    known.isFollowed = false
    wasLost = true
    if (liveness.isLive()) {
      liveness.set('off')
      // So that whatever looks by itself while nobody tells begins to.
      changed.all()
    } else liveness.set('off')
    const wait = refused !== null && refused.status >= 400 ? REFUSED_AGAIN_MS : AGAIN_MS[Math.min(failures, AGAIN_MS.length - 1)]
    failures += 1
    await pause(wait ?? REFUSED_AGAIN_MS, signal)
  }
}

type Rounds = { add: (one: Changed) => void; all: () => void; stop: () => void }

/** Gathers what changed and has it asked for again: at once, then once a round. What one page was told of counts for the next, too. */
function makeRounds(requests: QueryClient): Rounds {
  const waiting = new Map<string, Changed>()
  let isEverything = false
  let timer: number | undefined
  const round = (): void => {
    timer = undefined
    if (waiting.size === 0 && !isEverything) return
    const touched = [...waiting.values()]
    const all = isEverything
    waiting.clear()
    isEverything = false
    void requests.invalidateQueries({ predicate: ({ queryKey }) => all || touched.some((one) => isTouched(queryKey, one)) })
    timer = window.setTimeout(round, ROUND_MS)
  }
  const soon = (): void => {
    timer ??= window.setTimeout(round, 0)
  }
  return {
    add: (one) => {
      waiting.set(`${one.kind} ${one.id ?? ''}`, one)
      soon()
    },
    all: () => {
      isEverything = true
      soon()
    },
    stop: () => window.clearTimeout(timer),
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = window.setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      window.clearTimeout(timer)
      resolve()
    }, { once: true })
  })
}
