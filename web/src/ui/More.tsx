/* Keyset paging: the rows so far and a button for the next page. Nothing is counted that the server would have to count. */
import { t } from '@lingui/core/macro'
import { Button } from '@mantine/core'
import type { InfiniteData, UseInfiniteQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { problemOf } from '../api/problem'
import { Empty, Loading, ProblemState } from './states'

export type PageOf<Row> = { items: Row[]; next_cursor?: string | null }

type MoreProps<Row> = {
  query: UseInfiniteQueryResult<InfiniteData<PageOf<Row>>>
  /** A number of rows in words, such as '2 turns'. */
  counted: (num: number) => string
  empty: ReactNode
  /** Leaves out the count below the rows unless there are more. */
  quiet?: boolean
  /** Puts the way to the next page above the rows, where these go back in time. */
  before?: boolean
  /** What that way is called. */
  more?: string
  children: (rows: Row[]) => ReactNode
}

export function More<Row>({ query, counted, empty, quiet = false, before = false, more = t`Show more`, children }: MoreProps<Row>) {
  if (query.data === undefined) {
    if (query.error) return <ProblemState problem={problemOf(query.error)} retry={() => void query.refetch()} />
    return <Loading what={t`the list`} />
  }
  const rows = query.data.pages.flatMap((page) => page.items)
  if (rows.length === 0 && !query.hasNextPage) return <>{empty}</>
  if (rows.length === 0)
    return (
      <Empty title={t`Nothing in what was looked through so far`}>
        <Button size="xs" variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>{t`Look further`}</Button>
      </Empty>
    )
  const way = (
    <div className="row">
      {(query.hasNextPage || !quiet) && (
        <span className="dim" role="status">
          {!query.hasNextPage ? counted(rows.length) : before ? t`Newest ${counted(rows.length)}` : t`First ${counted(rows.length)}`}
        </span>
      )}
      {query.hasNextPage && <Button size="xs" variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>{more}</Button>}
    </div>
  )
  return (
    <div className="stack-tight">
      {before && way}
      {children(rows)}
      {!before && way}
      {query.error && <ProblemState problem={problemOf(query.error)} retry={() => void query.fetchNextPage()} />}
    </div>
  )
}
