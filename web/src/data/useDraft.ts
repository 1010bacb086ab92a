/* The pending edits of one version, kept by the browser until they are saved or thrown away: neither a reload nor another page loses
   them. Beside them stands the run that saves them, so that whoever comes back goes on waiting for it. */
import { useIsMutating } from '@tanstack/react-query'
import { useCallback, useEffect, useState } from 'react'
import { keep, readKept } from '../ui/kept'
import { emptyDraft, readDraft, sizeOf, type Draft } from './edits'

export type Drafting = {
  draft: Draft
  set: (draft: Draft) => void
  clear: () => void
  /** The run that saves what stands here; null while none does. */
  saving: string | null
  setSaving: (runId: string | null) => void
  /** Whether it is being saved, or is on its way there. What stands here does not change meanwhile. */
  isSaving: boolean
}

/** Names the sending of a version's edits, also for a page that was opened since. */
export const sendingKey = (name: string, version: number): readonly unknown[] => ['datasets', name, version, 'edits']

export function useDraft(name: string, version: number, newest: number): Drafting {
  const key = `treadle-edits:${name}:${version}`
  const savingKey = `treadle-edits-saving:${name}:${version}`
  const [draft, setDraft] = useState<Draft>(() => readDraft(readKept('local', key)) ?? emptyDraft(newest))
  const [saving, put] = useState<string | null>(() => runOf(savingKey))
  const set = useCallback(
    (next: Draft): void => {
      setDraft(next)
      keep('local', key, sizeOf(next) === 0 ? null : next)
    },
    [key],
  )
  const setSaving = useCallback(
    (runId: string | null): void => {
      put(runId)
      keep('local', savingKey, runId)
    },
    [savingKey],
  )
  const isSending = useIsMutating({ mutationKey: sendingKey(name, version) }) > 0
  useEffect(() => {
    // What a page that is gone by now has sent was told to the browser alone.
    if (!isSending) put((now) => now ?? runOf(savingKey))
  }, [isSending, savingKey])
  return { draft, set, clear: () => set(emptyDraft(newest)), saving, setSaving, isSaving: isSending || saving !== null }
}

function runOf(savingKey: string): string | null {
  const kept = readKept('local', savingKey)
  return typeof kept === 'string' ? kept : null
}
