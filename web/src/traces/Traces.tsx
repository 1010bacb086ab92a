/* The list of traces, newest first: filtered in words by what stands in the address or by a kept view, with the columns that were
   chosen, and rows that one can do something with. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, NativeSelect } from '@mantine/core'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { lazy, Suspense, useEffect } from 'react'
import { problemOf } from '../api/problem'
import { sh } from '../format/shell'
import { exact } from '../format/times'
import { useMay } from '../governance/queries'
import { ReleaseLink } from '../releases/ReleaseLink'
import { More } from '../ui/More'
import { Page } from '../ui/Page'
import { Empty, Loading, ProblemState } from '../ui/states'
import { useTicked } from '../ui/useTicked'
import { viewQuery } from '../views/queries'
import { ActOn } from './ActOn'
import { ColumnsPick } from './ColumnsPick'
import { USUAL } from './columns'
import { FirstTrace } from './FirstTrace'
import { KeepView, ViewPick } from './KeepView'
import { rememberList, type TraceList } from './neighbours'
import { QueryBox } from './QueryBox'
import { STATUSES, tracesQuery, type Sort, type TraceFilter, type TraceSearch } from './queries'
import { TRACES_TABS } from './tabs'
import { TracesTable } from './TracesTable'
import { inWords } from './words'
import styles from './Traces.module.css'

const OverTime = lazy(async () => ({ default: (await import('./OverTime')).OverTime }))

const FIRST: Record<Sort, string> = { newest: t`newest first`, latency: t`slowest first`, cost: t`dearest first` }

export function Traces() {
  const search = useSearch({ from: '/frame/traces' })
  const navigate = useNavigate()
  const { view: viewName, columns: named, sort = 'newest', figure = 'requests', ticked: _, ...said } = search
  const view = useQuery(viewQuery(viewName ?? ''))
  const filter: TraceFilter = { ...said, q: said.q ?? view.data?.q ?? undefined }
  const columns = named?.split(',') ?? (view.data?.columns?.length ? view.data.columns : USUAL)
  const shown = sort === 'cost' && !columns.includes('cost') ? [...columns, 'cost'] : columns
  const traces = useInfiniteQuery({ ...tracesQuery(filter, sort), enabled: viewName === undefined || view.data !== undefined })
  const problem = traces.error ? problemOf(traces.error) : null
  const isUnread = problem?.code === 'traces.filter'
  const viewLost = viewName !== undefined && view.data === undefined && view.error ? problemOf(view.error) : null
  const filtered = Object.values(filter).some((value) => value !== undefined && value !== '')

  const [chosen, toggle, choose] = useTicked()
  const show = (part: Pick<TraceSearch, 'columns' | 'figure'>): void => void navigate({ to: '/traces', search: { ...search, ticked: chosen.join(',') || undefined, ...part } })
  // Of another list, or in another order, nothing is chosen yet.
  const set = (part: TraceSearch): void => void navigate({ to: '/traces', search: { ...search, ticked: undefined, ...part } })
  const asked = JSON.stringify({ filter, sort })
  useEffect(() => rememberList(JSON.parse(asked) as TraceList), [asked])
  const mayQueue = useMay('queues.write')
  const mayCurate = useMay('data.write')
  const last = traces.data?.pages.at(-1)

  return (
    <Page title={t`Traces`} lead={t`Every request that went through an endpoint or came from an application, ${FIRST[sort]}.`} command={commandOf(filter, viewName, sort)} python={pythonOf(filter, sort)} tabs={TRACES_TABS}>
      <div className={styles.filters} role="search" aria-label={t`Filter traces`}>
        <QueryBox value={filter.q ?? ''} problem={isUnread ? problem.detail : null} apply={(q) => set(q === '' ? { q: undefined, view: undefined } : { q })} />
        <NativeSelect
          label={t`Status`}
          size="xs"
          value={filter.status ?? ''}
          onChange={(event) => set({ status: STATUSES.find((known) => known === event.currentTarget.value) })}
          data={[{ value: '', label: t`Any` }, { value: 'ok', label: t`OK` }, { value: 'error', label: t`Error` }, { value: 'cancelled', label: t`Cancelled` }]}
        />
        <ViewPick chosen={viewName} choose={(name) => void navigate({ to: '/traces', search: name === undefined ? {} : { view: name } })} />
        <ColumnsPick chosen={columns} choose={(names) => show({ columns: names?.join(',') })} />
        <KeepView q={inWords(filter)} columns={named?.split(',') ?? view.data?.columns ?? []} shown={view.data} keep={(name) => void navigate({ to: '/traces', search: { view: name } })} />
      </div>
      <Chips filter={filter} set={set} filtered={filtered || viewName !== undefined} />
      {!isUnread && !viewLost && (filtered || traces.data?.pages[0]?.items.length !== 0) && (viewName === undefined || view.data !== undefined) && (
        <Suspense fallback={<Loading what={t`the traces over time`} />}>
          <OverTime filter={filter} figure={figure} choose={(name) => show({ figure: name === 'requests' ? undefined : name })} narrow={(time) => set(time)} />
        </Suspense>
      )}
      {chosen.length > 0 && (
        <div className={styles.chosen} role="group" aria-label={t`What to do with the chosen traces`}>
          <strong role="status">{t`${plural(chosen.length, { one: '# trace', other: '# traces' })} chosen`}</strong>
          <ActOn traceIds={chosen} />
          <Button size="xs" variant="subtle" onClick={() => choose([])}>{t`Choose none`}</Button>
        </div>
      )}
      {isUnread ? (
        <Empty title={t`The filter cannot be read`}><Trans>What is wrong stands below its box; <Link to="/traces" search={{}}>show all traces</Link>.</Trans></Empty>
      ) : viewLost ? (
        <>
          <ProblemState problem={viewLost} retry={() => void view.refetch()} />
          <p><Link to="/traces" search={{}}>{t`Show all traces`}</Link></p>
        </>
      ) : (
        <More
          query={traces}
          counted={(num) => plural(num, { one: '# trace', other: '# traces' })}
          empty={filtered ? (
              <Empty title={t`No trace matches the filter`}>
                <Trans>Words are whole: <code>name:*part*</code> finds a part of a name; words in quotes stand together. <Link to="/traces" search={{}}>Show all traces</Link>.</Trans>
              </Empty>
            ) : (
              <FirstTrace title={t`No trace yet`} isSeen={traces.refetch}>{t`A request to an endpoint or a call in your application leaves a trace: what went in, what came out, how long it took.`}</FirstTrace>
            )}
        >
          {(rows) => <TracesTable rows={rows} columns={shown} sort={sort} sortBy={(by) => set({ sort: by === 'newest' ? undefined : by })} {...(mayQueue || mayCurate ? { chosen, toggle, choose } : {})} />}
        </More>
      )}
      {sort !== 'newest' && <p role="note" className="dim">{t`The largest first, of the time that the filter names or else of the last 24 hours.`}</p>}
      {last?.stopped_early && <p role="note" className="dim"><Trans>As much was looked through as one request may. There may be more further back: show more, or say more, such as <code>age&lt;24h</code>.</Trans></p>}
      {last?.from_archive && <p role="note" className="dim">{t`Some of these come from the archive.`}</p>}
    </Page>
  )
}

/** What else stands in the address, from links of other pages: seen, and taken away one by one. */
function Chips({ filter, set, filtered }: { filter: TraceFilter; set: (part: TraceSearch) => void; filtered: boolean }) {
  const { text, endpoint, release_id: releaseId, session_id: session, since, until } = filter
  const parts: [keyof TraceFilter, React.ReactNode][] = [
    ['text', text && <>{t`with the words ‘${text}’`}</>],
    ['endpoint', endpoint && <>{t`of ${endpoint}`}</>],
    ['release_id', releaseId && <Trans>answered by <ReleaseLink releaseId={releaseId} /></Trans>],
    ['session_id', session && <>{t`of the session ${session}`}</>],
    ['since', since && <>{t`from ${exact(since)}`}</>],
    ['until', until && <>{t`until ${exact(until)}`}</>],
  ]
  const shown = parts.filter(([, words]) => words)
  if (shown.length === 0 && !filtered) return null
  return (
    <p className="row">
      {shown.map(([name, words]) => (
        <span key={name} className={styles.chip}>
          {words}
          <button type="button" onClick={() => set({ [name]: undefined })} aria-label={t`Take away: ${name.replace('_id', '')}`}>×</button>
        </span>
      ))}
      {filtered && <Link to="/traces" search={{}}>{t`Clear`}</Link>}
    </p>
  )
}

/** The moment as the command line reads it: UTC without a zone. */
function commandTime(moment: string): string {
  return new Date(moment).toISOString().slice(0, 19)
}

function commandOf(filter: TraceFilter, view: string | undefined, sort: Sort): string {
  const q = filter.session_id ? inWords({ q: filter.q, session_id: filter.session_id }) : filter.q
  const flags = [
    q && sh`${q}`,
    view && sh`--view ${view}`,
    filter.endpoint && sh`--endpoint ${filter.endpoint}`,
    filter.status && sh`--status ${filter.status}`,
    filter.text && sh`--text ${filter.text}`,
    filter.release_id && sh`--release ${filter.release_id}`,
    filter.since && sh`--since ${commandTime(filter.since)}`,
    filter.until && sh`--until ${commandTime(filter.until)}`,
    sort !== 'newest' && sh`--sort ${sort}`,
  ].filter(Boolean)
  return ['treadle trace list', ...flags].join(' ')
}

function pythonOf(filter: TraceFilter, sort: Sort): string {
  const q = inWords(filter)
  const told = [q !== '' && JSON.stringify(q), sort !== 'newest' && `sort=${JSON.stringify(sort)}`].filter(Boolean)
  return `client.traces.list_(${told.join(', ')})`
}
