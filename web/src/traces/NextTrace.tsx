/* From a trace to the one before or after it in the list that it was opened from: buttons, and J and K for those who read many. */
import { t } from '@lingui/core/macro'
import { Button } from '@mantine/core'
import { useLocalStorage } from '@mantine/hooks'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useLayoutEffect, useState } from 'react'
import { neighboursOf, rememberedList, type TraceList } from './neighbours'
import { tracesQuery } from './queries'

/** The list that it was opened from is looked through this far for the trace; one that a link led to stands in none. */
const MOST_PAGES = 6

export function NextTrace({ traceId }: { traceId: string }) {
  const [from] = useState(rememberedList)
  const { filter, sort }: TraceList = from ?? { filter: {} }
  const [single] = useLocalStorage({ key: 'treadle-single-keys', defaultValue: true })
  const navigate = useNavigate()
  const list = useInfiniteQuery({ ...tracesQuery(filter, sort), enabled: from !== null, staleTime: Infinity, refetchOnWindowFocus: false })
  const traces = list.data?.pages.flatMap((page) => page.items) ?? []
  const near = neighboursOf(traces, traceId)
  const pages = list.data?.pages.length ?? 0
  const isAtEnd = near === null ? pages < MOST_PAGES : near.after === null
  const { hasNextPage, isFetching, isError, fetchNextPage } = list
  useEffect(() => {
    if (from !== null && isAtEnd && hasNextPage && !isFetching && !isError) void fetchNextPage()
  }, [from, isAtEnd, hasNextPage, isFetching, isError, fetchNextPage])

  const go = (to: string | null | undefined): void => {
    if (to != null) void navigate({ to: '/traces/$traceId', params: { traceId: to } })
  }
  // As soon as the buttons are drawn their keys go where they do.
  useLayoutEffect(() => {
    if (!single) return undefined
    const onKey = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || (event.key !== 'J' && event.key !== 'K')) return
      if (event.target instanceof Element && event.target.closest('input, textarea, select, [contenteditable], [role="dialog"]')) return
      go(event.key === 'J' ? near?.after : near?.before)
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  })
  if (near === null) return null
  return (
    <div role="group" className="row" style={{ gap: '0.3rem' }} aria-label={t`Place ${near.place} in the list of traces`}>
      <Button size="xs" variant="default" disabled={near.before === null} onClick={() => go(near.before)} title={t`The trace before in the list (K)`}>{t`Before`}</Button>
      <Button size="xs" variant="default" disabled={near.after === null} onClick={() => go(near.after)} title={t`The next trace in the list (J)`}>{t`Next`}</Button>
    </div>
  )
}
