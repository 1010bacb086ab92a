/* Several runs side by side: how each went, their curves over each other, and what they were asked and made, differences first. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Switch } from '@mantine/core'
import { useQueries } from '@tanstack/react-query'
import { Link, useSearch } from '@tanstack/react-router'
import { useMemo, useRef, useState } from 'react'
import { problemOf } from '../api/problem'
import type { MetricPoint, Run } from '../api/types'
import { DataTable } from '../ui/DataTable'
import { Page, Section } from '../ui/Page'
import { Empty, Loading, ProblemState } from '../ui/states'
import { Status } from '../ui/Status'
import { Untrusted } from '../ui/text'
import { Took, When } from '../ui/When'
import { linesOf, MOST_COMPARED, namesOf, overlaid, type ComparedLine } from './compared'
import { CurveFigure } from './Curves'
import { isGoing, metricsQuery, runQuery } from './queries'

export function CompareRuns() {
  const { runs: named = '' } = useSearch({ from: '/frame/runs/compare' })
  const ids = [...new Set(named.split(',').filter((id) => id !== ''))].slice(0, MOST_COMPARED)
  const found = useQueries({ queries: ids.map(runQuery) })
  const problem = found.find((query) => query.data === undefined && query.error)
  const runs = found.flatMap(({ data }) => data ?? [])
  return (
    <Page
      title={t`Runs side by side`}
      crumbs={[{ label: t`Runs`, to: '/runs' }]}
      lead={t`How each went, their curves over each other, and what differs in what they were asked.`}
      command={ids.map((id) => `treadle run show ${id}`).join(' && ') || 'treadle run list'}
      python={`runs = [client.runs.get(run_id) for run_id in ${JSON.stringify(ids)}]`}
    >
      {ids.length < 2 ? (
        <Empty title={t`Choose two runs or more`}><Trans><Link to="/runs" search={{}}>In the list of runs</Link>, tick those to hold against each other.</Trans></Empty>
      ) : problem?.error ? (
        <ProblemState problem={problemOf(problem.error)} retry={() => void problem.refetch()} />
      ) : runs.length < ids.length ? (
        <Loading what={t`runs`} />
      ) : (
        <Compared runs={runs} />
      )}
    </Page>
  )
}

function Compared({ runs }: { runs: Run[] }) {
  const names = namesOf(runs)
  return (
    <>
      <Section title={t`How they went`}>
        <DataTable
          caption={t`Runs side by side`}
          rows={runs.map((run, at) => ({ run, name: names[at] ?? run.title }))}
          rowKey={({ run }) => run.run_id}
          columns={[
            { head: t`Run`, cell: ({ run, name }) => <Link to="/runs/$runId" params={{ runId: run.run_id }}>{name}</Link>, wide: true },
            { head: t`State`, cell: ({ run }) => <Status state={run.status} /> },
            { head: t`Kind`, cell: ({ run }) => <code>{run.kind}</code> },
            { head: t`Took`, cell: ({ run }) => <Took from={run.started_at} to={run.ended_at} running={isGoing(run)} />, numeric: true },
            { head: t`By`, cell: ({ run }) => run.actor_name },
            { head: t`Asked for`, cell: ({ run }) => <When at={run.created_at} /> },
          ]}
        />
      </Section>
      <Overlaid runs={runs} names={names} />
      <Lines title={t`Parameters`} runs={runs} names={names} of={({ params }) => params} />
      <Lines title={t`What they made`} runs={runs} names={names} of={({ outputs }) => outputs} />
    </>
  )
}

function Overlaid({ runs, names }: { runs: Run[]; names: string[] }) {
  const metrics = useQueries({ queries: runs.map((run) => metricsQuery(run.run_id, isGoing(run))) })
  const failed = metrics.find(({ data, error }) => data === undefined && error)
  if (failed?.error) return <ProblemState problem={problemOf(failed.error)} />
  if (metrics.some(({ data }) => data === undefined)) return <Loading what={t`curves`} />
  return <Drawn named={metrics.map(({ data }, at) => ({ name: names[at] ?? '', points: data ?? [] }))} />
}

/** Kept while names and points are the same: a chart that is drawn anew closes what is pointed at. */
function Drawn({ named }: { named: { name: string; points: readonly MetricPoint[] }[] }) {
  const kept = useRef(named)
  const isSame = kept.current.length === named.length && kept.current.every(({ name, points }, at) => name === named[at]?.name && points === named[at].points)
  if (!isSame) kept.current = named
  const of = kept.current
  const groups = useMemo(() => overlaid(of), [of])
  return (
    <Section title={t`Curves`}>
      {groups.length === 0 ? <Empty title={t`None of them kept a curve`} /> : <div className="columns">{groups.map((group) => <CurveFigure key={group.title} group={group} />)}</div>}
    </Section>
  )
}

function Lines({ title, runs, names, of }: { title: string; runs: Run[]; names: string[]; of: (run: Run) => Record<string, unknown> }) {
  const [all, setAll] = useState(false)
  const lines = linesOf(runs, of)
  const shown = all ? lines : lines.filter(({ differs }) => differs)
  const same = lines.length - lines.filter(({ differs }) => differs).length
  return (
    <Section title={title} beside={same > 0 && <Switch size="xs" label={t`Also the ${same} that are the same`} checked={all} onChange={(event) => setAll(event.currentTarget.checked)} />}>
      <DataTable<ComparedLine>
        caption={t`${title}, run by run`}
        none={t`Nothing differs`}
        rows={shown}
        rowKey={({ name }) => name}
        columns={[
          { head: t`Name`, cell: ({ name, differs }) => <><code>{name}</code>{differs && all && <div className="dim">{t`differs`}</div>}</> },
          ...names.map((name, at) => ({ head: name, cell: ({ values }: ComparedLine) => (values[at] == null ? <span className="dim">{t`none`}</span> : <Untrusted text={values[at] ?? ''} fold={200} />) })),
        ]}
      />
    </Section>
  )
}
