/* Work that a page started and waits for: the run is asked for again until it ended, and then something is done once. */
import { useQuery } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import type { Run } from '../api/types'
import { isGoing, runQuery } from './queries'

export type Followed = {
  run: Run | undefined
  /** Whether one was started and has not ended. */
  isGoing: boolean
  follow: (run: Run) => void
  /** Follows one that was started before, by another page or before a reload. */
  resume: (runId: string) => void
  /** Why it cannot be asked for; null while it can. */
  error: Error | null
  /** Looks away from a run that ended. */
  forget: () => void
}

export function useFollowed(onDone: (run: Run) => void): Followed {
  const [runId, setRunId] = useState<string | null>(null)
  const [started, setStarted] = useState<Run | undefined>(undefined)
  const asked = useQuery({ ...runQuery(runId ?? ''), enabled: runId !== null })
  const run = runId === null ? undefined : (asked.data ?? (started?.run_id === runId ? started : undefined))
  const told = useRef<string | null>(null)
  const done = useRef(onDone)
  done.current = onDone
  useEffect(() => {
    if (run === undefined || isGoing(run) || told.current === run.run_id) return
    told.current = run.run_id
    done.current(run)
  }, [run])
  return {
    run,
    isGoing: run !== undefined && isGoing(run),
    follow: (begun) => {
      setStarted(begun)
      setRunId(begun.run_id)
    },
    resume: setRunId,
    error: runId === null ? null : asked.error,
    forget: () => setRunId(null),
  }
}
