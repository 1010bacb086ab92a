/* On the page of a list: its kept filters, each one press away, and the keeping of the one that is shown. */
import { t } from '@lingui/core/macro'
import { Button, Popover } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useSearch } from '@tanstack/react-router'
import { useRef, useState } from 'react'
import { problemOf } from '../api/problem'
import { Loading, ProblemState } from '../ui/states'
import { Keep } from './Keep'
import styles from './KeptViews.module.css'
import { keptOf, LISTS, searchInWords } from './lists'
import { viewsQuery, type Listed } from './queries'

export function KeptViews({ subject }: { subject: Listed }) {
  const search = keptOf(useSearch({ strict: false }))
  const said = searchInWords(search)
  const [opened, setOpened] = useState(false)
  const [keeps, { open, close }] = useDisclosure(false)
  const button = useRef<HTMLButtonElement>(null)
  const views = useInfiniteQuery({ ...viewsQuery(subject), enabled: opened })
  const rows = views.data?.pages.flatMap((page) => page.items) ?? []
  const list = LISTS[subject]
  if (list === undefined) return null
  return (
    <>
      <Popover opened={opened} onChange={setOpened} position="bottom-end" width={300} withinPortal trapFocus>
        <Popover.Target>
          <Button ref={button} size="xs" variant="default" onClick={() => setOpened(!opened)}>{t`Views`}</Button>
        </Popover.Target>
        <Popover.Dropdown aria-label={t`Views`}>
          <div className="stack-tight">
            {views.error ? <ProblemState problem={problemOf(views.error)} retry={() => void views.refetch()} /> : views.data === undefined ? <Loading what={t`the kept filters`} /> : rows.length === 0 ? <p className="dim">{t`No filter of this list is kept yet`}</p> : (
              <ul className={styles.list}>
                {rows.map((view) => (
                  <li key={`${view.owner_id} ${view.name}`}>
                    <Link to={list.to} search={view.search ?? {}} onClick={() => setOpened(false)} aria-current={searchInWords(keptOf(view.search ?? {})) === said ? 'true' : undefined}>{view.is_shared ? t`${view.name} (shared)` : view.name}</Link>
                    <div className="dim untrusted">{searchInWords(keptOf(view.search ?? {}))}</div>
                  </li>
                ))}
              </ul>
            )}
            {views.hasNextPage && <Button size="xs" variant="subtle" loading={views.isFetchingNextPage} onClick={() => void views.fetchNextPage()}>{t`Show more`}</Button>}
            {said === '' && <p className="dim">{t`Filter the list, then keep it here`}</p>}
            <div className="row">
              <Button size="xs" variant="default" disabled={said === ''} onClick={() => (setOpened(false), open())}>{t`Keep what is shown`}</Button>
              <Link to="/views">{t`All saved views`}</Link>
            </div>
          </div>
        </Popover.Dropdown>
      </Popover>
      {keeps && <Keep what={{ subject, q: '', search, columns: [] }} close={() => (close(), button.current?.focus())} />}
    </>
  )
}
