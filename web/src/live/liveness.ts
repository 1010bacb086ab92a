/* Whether the server tells of changes as they happen, and who else is on the page. One for the application: queries are made
   outside of components and ask it how often to look by themselves. */
import { useSyncExternalStore } from 'react'

/** 'starting' until the first answer; 'off' while the stream is down. */
export type Liveness = { state: 'starting' | 'live' | 'off'; here: readonly string[] }

const STARTING: Liveness = { state: 'starting', here: [] }

function makeLiveness() {
  let now = STARTING
  const listeners = new Set<() => void>()
  const tell = (next: Liveness): void => {
    now = next
    listeners.forEach((listener) => listener())
  }
  return {
    isLive: (): boolean => now.state === 'live',
    now: (): Liveness => now,
    set: (state: Liveness['state']): void => {
      if (state !== now.state) tell({ state, here: state === 'live' ? now.here : [] })
    },
    setHere: (here: readonly string[]): void => tell({ ...now, here }),
    listen: (listener: () => void): (() => void) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

export const liveness = makeLiveness()

export function useLiveness(): Liveness {
  return useSyncExternalStore(liveness.listen, liveness.now)
}
