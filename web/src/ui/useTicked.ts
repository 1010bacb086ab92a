/* Which rows of a list are ticked: it stands in the address, so that a choice can be linked and survives going back. */
import { useNavigate, useRouter, useSearch } from '@tanstack/react-router'
import { useReducer } from 'react'

export function useTicked(): [ids: readonly string[], toggle: (id: string) => void, tick: (ids: readonly string[]) => void] {
  const router = useRouter()
  const navigate = useNavigate()
  const [, drawAgain] = useReducer((times: number) => times + 1, 0)
  // The page follows the address a moment later; a tick is shown at once, so what counts is the address itself.
  useSearch({ strict: false })
  const change = (next: (ids: readonly string[]) => readonly string[]): void => {
    void navigate({ to: '.', search: (before) => ({ ...before, ticked: next(tickedIn(before)).join(',') || undefined }), replace: true, resetScroll: false })
    drawAgain()
  }
  return [tickedIn(router.latestLocation.search), (id) => change((ids) => toggled(ids, id)), (ids) => change(() => ids)]
}

function tickedIn(search: object): string[] {
  return 'ticked' in search && typeof search.ticked === 'string' ? search.ticked.split(',').filter(Boolean) : []
}

const toggled = (ids: readonly string[], id: string): string[] => (ids.includes(id) ? ids.filter((one) => one !== id) : [...ids, id])
