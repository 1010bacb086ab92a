/* Several experiments over the same rows, side by side: what the statistics show, then the rows, regressions first. Everything that
   is chosen stands in the address, down to the cell. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { NativeSelect } from '@mantine/core'
import { useQueries, useQuery, type UseQueryResult } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import { problemOf } from '../api/problem'
import type { Experiment, GridOrder } from '../api/types'
import { count, duration } from '../format/numbers'
import { DataTable } from '../ui/DataTable'
import { Page, Section } from '../ui/Page'
import { Answer, Empty, Loading, ProblemState } from '../ui/states'
import { Status } from '../ui/Status'
import { Beside, type Opened } from './Beside'
import { Grid } from './Grid'
import { AGAINST, cellOf, filterOf, idsOf, partOf, type Against, type GridSearch } from './gridaddress'
import { experimentQuery, gridOrderQuery, isUnderWay, verdictsQuery, type GridFilter } from './queries'
import { Slices } from './Slices'
import { scoreInWords } from './words'

const HERE = '/experiments/grid'
const THOSE = { regressed: t`those that regressed`, improved: t`those that improved`, changed: t`those that changed`, failed: t`those that have no answer somewhere` } as const

export function GridPage() {
  const search = useSearch({ from: `/frame${HERE}` })
  const ids = idsOf(search)
  const experiments = useQueries({ queries: ids.map(experimentQuery) })
  const failed = experiments.find(({ error, data }) => error && !data)
  const found = experiments.flatMap(({ data }) => data ?? [])
  return (
    <Page
      title={t`Experiments side by side`}
      crumbs={[{ label: t`Experiments`, to: '/experiments' }]}
      lead={ids.length > 1 ? t`The first is the baseline, which the others are told apart from on the same rows.` : undefined}
      command={`treadle eval grid ${ids.join(' ') || 'EXPERIMENT'}`}
      python={`client.experiments.order_grid(${JSON.stringify(ids)})`}
    >
      {ids.length === 0 ? (
        <Empty title={t`No experiment was chosen`}><Trans><Link to="/experiments">Choose some</Link> over the same dataset version.</Trans></Empty>
      ) : failed ? (
        <ProblemState problem={problemOf(failed.error)} retry={() => void failed.refetch()} />
      ) : found.length < ids.length ? (
        <Loading what={t`experiments`} />
      ) : (
        <Sides experiments={found} />
      )}
    </Page>
  )
}

function useSet(): (change: GridSearch) => void {
  const navigate = useNavigate()
  const search = useSearch({ from: `/frame${HERE}` })
  return (change) => void navigate({ to: HERE, search: { ...search, ...change }, replace: true, resetScroll: false })
}

/** Verdicts of all that ended, one after the other: each reads every result of both. */
function useVerdicts([baseline, ...others]: Experiment[], mayFollow: boolean) {
  const baselineId = baseline?.experiment_id ?? ''
  const [asked, setAsked] = useState({ against: baselineId, num: 1 })
  const most = asked.against === baselineId ? asked.num : 1
  const ended = baseline?.status === 'succeeded' ? others.filter(({ status }) => status === 'succeeded') : []
  const verdicts = useQueries({ queries: ended.map((one, at) => verdictsQuery(baselineId, one.experiment_id, mayFollow && at < most)) })
  const waiting = verdicts.findIndex(({ isPending }) => isPending)
  useEffect(() => setAsked({ against: baselineId, num: waiting === -1 ? verdicts.length : waiting + 1 }), [baselineId, waiting, verdicts.length])
  return new Map(ended.map((one, at) => [one.experiment_id, verdicts[at]]))
}

function Scores({ experiments, mayFollow }: { experiments: Experiment[]; mayFollow: boolean }) {
  const verdicts = useVerdicts(experiments, mayFollow)
  const rows = experiments.flatMap((one, place) => (one.metrics.length > 0 ? one.metrics : [null]).map((metric) => ({ one, place, metric })))
  const set = useSet()
  const search = useSearch({ from: `/frame${HERE}` })
  const ids = idsOf(search)
  return (
    <Section title={t`Scores`}>
      <DataTable
        caption={t`Scores with 95 % intervals, and verdicts against the baseline`}
        rows={rows}
        rowKey={({ one, metric }) => `${one.experiment_id} ${metric?.name ?? ''}`}
        columns={[
          { head: t`Experiment`, cell: ({ one }) => <Link to="/experiments/$experimentId" params={{ experimentId: one.experiment_id }}>{one.name}</Link> },
          { head: t`Scorer`, cell: ({ metric, one }) => metric?.name.replaceAll('_', ' ') ?? <Status state={one.status} /> },
          { head: t`Mean (95 % interval)`, cell: ({ metric }) => (metric ? scoreInWords(metric) : <span className="dim">{t`none yet`}</span>) },
          {
            head: t`Against the baseline`,
            wide: true,
            cell: ({ one, place, metric }) => {
              if (place === 0) return <span className="dim">{experiments.length > 1 ? t`the baseline` : t`nothing beside it`}</span>
              const told = verdicts.get(one.experiment_id)
              if (told === undefined) return <span className="dim">{t`compared when both have succeeded`}</span>
              const comparison = metric && told.data?.comparisons.find(({ scorer }) => scorer === metric.name)
              if (comparison) return <><Status state={comparison.verdict} /> {comparison.words.replace(`${comparison.verdict}: `, '')}</>
              const left = metric && told.data?.left_out?.find(({ scorer }) => scorer === metric.name)
              if (left) return <span className="dim">{t`not compared: ${left.reason}`}</span>
              return <span className="dim">{told.error ? problemOf(told.error).detail : told.data ? t`not compared: the baseline was not judged by it` : t`comparing…`}</span>
            },
          },
          { head: t`Answer: median, 95 %`, cell: ({ one }) => (one.latency_p50_ms == null ? '' : `${duration(one.latency_p50_ms)}, ${duration(one.latency_p95_ms)}`), numeric: true },
        ]}
      />
      {experiments.length > 1 && (
        <NativeSelect
          label={t`Baseline`}
          size="xs"
          maw={280}
          value={ids[0]}
          data={experiments.map((one) => ({ value: one.experiment_id, label: one.name }))}
          onChange={(event) => set({ ids: [event.currentTarget.value, ...ids.filter((id) => id !== event.currentTarget.value)].join(','), cell: undefined, against: undefined })}
        />
      )}
    </Section>
  )
}

/** How the rows stand is asked for first, then those in sight; verdicts and parts come after them, for they read everything. */
function Sides({ experiments }: { experiments: Experiment[] }) {
  const search = useSearch({ from: `/frame${HERE}` })
  const filter = filterOf(search)
  const isGoing = experiments.some(isUnderWay)
  const ids = idsOf(search)
  const order = useQuery(gridOrderQuery(ids, filter, isGoing))
  const [came, setCame] = useState('')
  const mayFollow = came === ids.join() || order.isError || order.data?.rows.length === 0
  return (
    <>
      <Scores experiments={experiments} mayFollow={mayFollow} />
      {experiments.length > 1 && <Slices experiments={experiments} scorer={order.data && { name: order.data.scorer }} />}
      <Section title={t`Rows`}>
        <Rows experiments={experiments} order={order} filter={filter} isGoing={isGoing} come={() => setCame(ids.join())} />
      </Section>
    </>
  )
}

type RowsProps = { experiments: Experiment[]; order: UseQueryResult<GridOrder>; filter: GridFilter; isGoing: boolean; come: () => void }

function Rows({ experiments, order, filter, isGoing, come }: RowsProps) {
  const search = useSearch({ from: `/frame${HERE}` })
  const set = useSet()
  const many = experiments.length > 1
  const against: Against = AGAINST.find((known) => known === search.diff) ?? 'expected'
  const chosen = cellOf(search.cell)
  const [opened, setOpened] = useState<Opened | null>(null)
  // The filters outlive an order that is on its way or cannot come: whoever uses them stands in one. A grid of other rows begins anew.
  const known = useRef<GridOrder>(undefined)
  known.current = order.data ?? known.current
  const asked = JSON.stringify(filter)
  const shown = useRef(asked)
  if (!order.isPlaceholderData) shown.current = asked
  return (
    <>
      {known.current && <Bar order={known.current} many={many} against={against} />}
      <Answer query={order} what={t`rows`}>
        {(data) => (
          <>
            <Standing order={data} isOld={order.isPlaceholderData} />
            {data.rows.length === 0 ? (
              <Empty title={t`No row is like that`}><Link to={HERE} search={{ ...search, only: undefined, part: undefined }}>{t`Show all rows`}</Link></Empty>
            ) : (
              <Grid
                key={`${data.experiment_ids.join(' ')} ${shown.current}`}
                experiments={experiments}
                order={data}
                against={against}
                isGoing={isGoing}
                chosen={chosen}
                choose={(row, column, by) => {
                  set({ cell: `${row}.${column}` })
                  setOpened({ row, column, by })
                }}
                come={come}
              />
            )}
            {chosen && <Beside experiments={experiments} order={data} row={chosen.row} column={chosen.column} against={against} isGoing={isGoing} opened={opened} />}
          </>
        )}
      </Answer>
    </>
  )
}

function Bar({ order, many, against }: { order: GridOrder; many: boolean; against: Against }) {
  const search = useSearch({ from: `/frame${HERE}` })
  const set = useSet()
  const { scorer, only } = filterOf(search)
  return (
    <div className="row" style={{ alignItems: 'flex-end' }} role="search" aria-label={t`Which rows, and how`}>
      {order.scorers.length > 1 && <NativeSelect label={t`By scorer`} size="xs" value={scorer ?? order.scorer ?? ''} data={order.scorers.map((name) => ({ value: name, label: name.replaceAll('_', ' ') }))} onChange={(event) => set({ scorer: event.currentTarget.value })} />}
      {many && <NativeSelect label={t`Order`} size="xs" value={search.by ?? 'regressions'} data={[{ value: 'regressions', label: t`Regressions first` }, { value: 'row', label: t`As in the dataset` }]} onChange={(event) => set({ by: event.currentTarget.value === 'row' ? 'row' : undefined })} />}
      <NativeSelect
        label={t`Show`}
        size="xs"
        value={only ?? ''}
        data={[
          { value: '', label: t`All ${count(order.total)} rows` },
          ...(many ? [{ value: 'regressed', label: t`Regressed (${count(order.regressed)})` }, { value: 'improved', label: t`Improved (${count(order.improved)})` }, { value: 'changed', label: t`Changed (${count(order.regressed + order.improved)})` }] : []),
          { value: 'failed', label: t`Without an answer (${count(order.failed)})` },
        ]}
        onChange={(event) => set({ only: event.currentTarget.value || undefined, cell: undefined })}
      />
      <NativeSelect label={t`Words apart from`} size="xs" value={against} data={[{ value: 'expected', label: t`what was expected` }, ...(many ? [{ value: 'baseline', label: t`the baseline` }] : []), { value: 'nothing', label: t`nothing` }]} onChange={(event) => set({ diff: event.currentTarget.value })} />
    </div>
  )
}

/** What is in sight, in words; `isOld` while it is not yet what was asked for. */
function Standing({ order, isOld }: { order: GridOrder; isOld: boolean }) {
  const search = useSearch({ from: `/frame${HERE}` })
  const part = partOf(search.part)
  const { only } = filterOf(search)
  return (
    <p className="dim" role="status">
      {isOld ? t`Looking…` : <>{[t`${count(order.rows.length)} of ${count(order.total)} rows`, only && THOSE[only], part && `${part.kind === 'metadata' ? part.name : part.kind} ${part.value}`].filter(Boolean).join(', ')}.</>}{' '}
      {part && <><Link to={HERE} search={{ ...search, part: undefined }}>{t`Show all parts`}</Link>{' '}</>}
      <Trans>Arrows go from cell to cell, <kbd>Enter</kbd> opens one.</Trans>
    </p>
  )
}
