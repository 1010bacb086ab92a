/* The work of this project as a queue: what waits, what goes on, what failed and why. Whole pieces of work; their steps are behind them. */
import { plural, t } from '@lingui/core/macro'
import { NativeSelect, Progress } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import type { Run } from '../api/types'
import { count, percent } from '../format/numbers'
import { sh } from '../format/shell'
import { DataTable } from '../ui/DataTable'
import { FilterText } from '../ui/Filter'
import { More } from '../ui/More'
import { Page, Section } from '../ui/Page'
import { Empty } from '../ui/states'
import { Status } from '../ui/Status'
import { Took, When } from '../ui/When'
import { CancelRun } from './CancelRun'
import { RetryRun } from './RetryRun'
import { RunsTable } from './RunsTable'
import { isGoing, jobsQuery, RUN_STATES, type JobFilter } from './queries'

export function Jobs() {
  const filter = useSearch({ from: '/frame/jobs' })
  const navigate = useNavigate()
  const running = useInfiniteQuery(jobsQuery({ status: 'running' }))
  const waiting = useInfiniteQuery(jobsQuery({ status: 'pending' }))
  const past = useInfiniteQuery(jobsQuery(filter))
  const set = (part: JobFilter): void => void navigate({ to: '/jobs', search: { ...filter, ...part } })
  const filtered = Object.values(filter).some((value) => value !== undefined)
  const command = ['treadle run list', filter.status && sh`--status ${filter.status}`, filter.kind && sh`--kind ${filter.kind}`].filter(Boolean).join(' ')
  return (
    <Page title={t`Jobs`} lead={t`Durable work: what was accepted is never lost. A server that stops goes on with it when it starts again.`} command={command} python={`client.runs.list_(${filter.status ? `status=${JSON.stringify(filter.status)}` : ''})`}>
      <Section title={t`At work`}>
        <More query={running} counted={(num) => plural(num, { one: '# job at work', other: '# jobs at work' })} quiet empty={<p className="dim">{t`Nothing is at work.`}</p>}>
          {(rows) => <AtWork rows={rows} />}
        </More>
      </Section>
      <Section title={t`In the queue`}>
        <More query={waiting} counted={(num) => plural(num, { one: '# job that waits', other: '# jobs that wait' })} quiet empty={<p className="dim">{t`Nothing waits.`}</p>}>
          {(rows) => (
            <DataTable
              caption={t`Jobs that wait`}
              rows={[...rows].reverse()}
              rowKey={(run) => run.run_id}
              columns={[
                { head: t`Job`, cell: (run) => <Link to="/runs/$runId" params={{ runId: run.run_id }} className="untrusted">{run.title}</Link>, wide: true },
                { head: t`Kind`, cell: (run) => <code>{run.kind}</code> },
                { head: t`Asked for by`, cell: (run) => run.actor_name },
                { head: t`Waits since`, cell: (run) => <When at={run.created_at} /> },
                { head: t`Stop`, cell: (run) => <CancelRun run={run} size="compact-xs" /> },
              ]}
            />
          )}
        </More>
      </Section>
      <Section title={t`All of them`}>
        <div className="row" style={{ alignItems: 'flex-end' }} role="search" aria-label={t`Filter jobs`}>
          <NativeSelect label={t`State`} size="xs" value={filter.status ?? ''} onChange={(event) => set({ status: RUN_STATES.find((known) => known === event.currentTarget.value) })} data={[{ value: '', label: t`Any` }, { value: 'failed', label: t`Failed` }, { value: 'succeeded', label: t`Succeeded` }, { value: 'cancelled', label: t`Cancelled` }, { value: 'running', label: t`Running` }, { value: 'pending', label: t`Waiting` }]} />
          <FilterText label={t`Kind`} placeholder={t`such as data.import`} value={filter.kind ?? ''} onApply={(kind) => set({ kind: kind || undefined })} />
          <FilterText label={t`Title`} value={filter.q ?? ''} onApply={(q) => set({ q: q || undefined })} />
          {filtered && <Link to="/jobs" search={{}}>{t`Clear`}</Link>}
        </div>
        <More query={past} counted={(num) => plural(num, { one: '# job', other: '# jobs' })} empty={filtered ? <Empty title={t`No job matches`}><Link to="/jobs" search={{}}>{t`Show all jobs`}</Link></Empty> : <Empty title={t`No job yet`} command="treadle demo">{t`Imports, training, experiments and turns are jobs. One turn makes the first dozen.`}</Empty>}>
          {(rows) => <RunsTable caption={t`Jobs`} rows={rows} act={(run) => <RetryRun run={run} size="compact-xs" />} />}
        </More>
      </Section>
    </Page>
  )
}

function AtWork({ rows }: { rows: Run[] }) {
  return (
    <DataTable
      caption={t`Jobs at work`}
      rows={rows}
      rowKey={(run) => run.run_id}
      columns={[
        { head: t`Job`, cell: (run) => <Link to="/runs/$runId" params={{ runId: run.run_id }} className="untrusted">{run.title}</Link> },
        { head: t`State`, cell: (run) => <Status state={run.status} /> },
        { head: t`How far`, cell: (run) => <div style={{ minWidth: '8rem' }}><Progress value={run.progress * 100} size="sm" aria-label={t`Progress of ${run.title}`} transitionDuration={0} /><span className="dim untrusted">{percent(run.progress, 0)} {run.progress_text}</span></div>, wide: true },
        { head: t`Going for`, cell: (run) => <Took from={run.started_at} to={null} running={isGoing(run)} />, numeric: true },
        { head: t`Begun`, cell: (run) => (run.attempts > 1 ? t`${count(run.attempts)} times` : t`once`) },
        { head: t`Stop`, cell: (run) => <CancelRun run={run} size="compact-xs" /> },
      ]}
    />
  )
}
