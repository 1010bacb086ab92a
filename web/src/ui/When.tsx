/* A moment: how long ago for the eye, exact for the pointer and for machines. The present moves once a second while something
   on the page is running, else every half minute. */
import { t } from '@lingui/core/macro'
import { useSyncExternalStore } from 'react'
import { ago, exact, took } from '../format/times'

/** One clock for everything on the page that moves at a pace: it stands still while nothing does. */
function makeClock(everyMs: number) {
  let now = Date.now()
  let timer: number | undefined
  const listeners = new Set<() => void>()
  const tick = (): void => {
    now = Date.now()
    listeners.forEach((listener) => listener())
  }
  return {
    now: (): number => {
      if (listeners.size === 0 && Date.now() - now >= everyMs) now = Date.now()
      return now
    },
    listen: (listener: () => void): (() => void) => {
      listeners.add(listener)
      timer ??= window.setInterval(tick, everyMs)
      return () => {
        listeners.delete(listener)
        if (listeners.size > 0) return
        window.clearInterval(timer)
        timer = undefined
      }
    },
  }
}

const clocks = new Map<number, ReturnType<typeof makeClock>>()

function clockOf(everyMs: number): ReturnType<typeof makeClock> {
  const kept = clocks.get(everyMs) ?? makeClock(everyMs)
  clocks.set(everyMs, kept)
  return kept
}

export function useNow(everyMs = 30_000): number {
  const clock = clockOf(everyMs)
  return useSyncExternalStore(clock.listen, clock.now)
}

export function When({ at }: { at: string | null | undefined }) {
  const now = useNow()
  if (at == null) return <span className="dim">{t`never`}</span>
  // What is newer than the clock's last tick is of this moment, and not to come.
  return <time dateTime={at} title={exact(at)} className="nowrap">{ago(at, Math.max(now, Math.min(Date.parse(at), Date.now())))}</time>
}

export function Took({ from, to, running }: { from: string | null | undefined; to: string | null | undefined; running: boolean }) {
  const now = useNow(running ? 1000 : 3_600_000)
  return <span className="nowrap">{took(from, to, now)}</span>
}
