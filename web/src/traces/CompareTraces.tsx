/* Two traces side by side: what each was asked and answered, their figures, and their steps, those that differ most in time first. */
import { plural, t } from '@lingui/core/macro'
import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { TraceTree } from '../api/types'
import { count, duration, usd } from '../format/numbers'
import { sh } from '../format/shell'
import { useMay } from '../governance/queries'
import { CompareInQueue } from '../queues/AddToQueue'
import { ReleaseLink } from '../releases/ReleaseLink'
import { DataTable } from '../ui/DataTable'
import { Page, Panel, Section } from '../ui/Page'
import { Answer } from '../ui/states'
import { Status } from '../ui/Status'
import { When } from '../ui/When'
import { Chat } from './Chat'
import { lastSaid, saidOf } from './content'
import { sumsOf } from './outline'
import { spanQuery, treeQuery } from './queries'
import { Scores } from './Scores'
import { stepsOf, type StepLine, type Steps } from './sideBySide'

export function CompareTraces() {
  const { traceId, otherId } = useParams({ from: '/frame/traces/$traceId/against/$otherId' })
  const one = useQuery(treeQuery(traceId))
  const other = useQuery(treeQuery(otherId))
  const mayQueue = useMay('queues.write')
  return (
    <Page
      title={t`Two traces side by side`}
      crumbs={[{ label: t`Traces`, to: '/traces' }, { label: one.data?.trace.name ?? t`the first`, to: `/traces/${traceId}` }]}
      actions={mayQueue && <CompareInQueue traceId={traceId} otherId={otherId} />}
      command={sh`treadle trace show ${traceId}` + sh` && treadle trace show ${otherId}`}
      python={`one, other = client.traces.tree(${JSON.stringify(traceId)}), client.traces.tree(${JSON.stringify(otherId)})`}
    >
      <Answer query={one} what={t`the first trace`}>
        {(first) => <Answer query={other} what={t`the second trace`}>{(second) => <Compared one={first} other={second} />}</Answer>}
      </Answer>
    </Page>
  )
}

type Line = { name: string; one: ReactNode; other: ReactNode }

function Compared({ one, other }: { one: TraceTree; other: TraceTree }) {
  const both = (name: string, say: (tree: TraceTree) => ReactNode): Line => ({ name, one: say(one), other: say(other) })
  const unknown = <span className="dim">{t`unknown`}</span>
  const lines = [
    both(t`Trace`, ({ trace }) => <Link to="/traces/$traceId" params={{ traceId: trace.trace_id }}>{trace.name}</Link>),
    both(t`Status`, ({ trace }) => <Status state={trace.status} />),
    both(t`When`, ({ trace }) => <When at={trace.started_at} />),
    both(t`Latency`, ({ trace }) => duration(trace.latency_ms)),
    both(t`First token`, ({ trace }) => (trace.time_to_first_token_ms == null ? <span className="dim">{t`not streamed`}</span> : duration(trace.time_to_first_token_ms))),
    both(t`Tokens`, (tree) => { const { tokens } = sumsOf(tree); return tokens === null ? unknown : t`${count(tokens[0])} in, ${count(tokens[1])} out` }),
    both(t`Cost`, (tree) => { const { costUsd, isPart } = sumsOf(tree); return costUsd === null ? unknown : isPart ? t`at least ${usd(costUsd)}` : usd(costUsd) }),
    both(t`Spans`, (tree) => (tree.error_count > 0 ? t`${count(tree.span_count)}, ${count(tree.error_count)} failed` : count(tree.span_count))),
    both(t`Endpoint`, ({ trace }) => trace.endpoint ?? <span className="dim">{t`none`}</span>),
    both(t`Release`, ({ trace }) => (trace.release_id ? <ReleaseLink releaseId={trace.release_id} /> : <span className="dim">{t`none`}</span>)),
    both(t`Scores`, ({ trace }) => <Scores scores={trace.scores} />),
  ]
  const isWhole = [one, other].every((tree) => tree.rows.length === tree.span_count)
  return (
    <>
      <Section title={t`Figures`}>
        <DataTable<Line>
          caption={t`Two traces side by side`}
          rows={lines}
          rowKey={({ name }) => name}
          columns={[{ head: t`What`, cell: ({ name }) => name }, { head: t`First`, cell: (line) => line.one, wide: true }, { head: t`Second`, cell: (line) => line.other }]}
        />
      </Section>
      <Section title={t`What was asked and answered`}>
        <div className="columns">
          <Said tree={one} title={t`First`} />
          <Said tree={other} title={t`Second`} />
        </div>
      </Section>
      <Section title={t`Steps`}>
        {!isWhole && <p className="dim">{t`Of a trace with very many spans the upper ones are counted: ${plural(one.rows.length, { one: '# span', other: '# spans' })} of the first, ${plural(other.rows.length, { one: '# span', other: '# spans' })} of the second.`}</p>}
        <DataTable<StepLine>
          caption={t`Steps by name, those that differ most in time first`}
          rows={stepsOf(one.rows, other.rows)}
          rowKey={({ key }) => key}
          maxHeight="32rem"
          columns={[
            { head: t`Kind`, cell: ({ kind }) => kind },
            { head: t`Step`, cell: ({ name }) => <span className="untrusted">{name}</span>, wide: true },
            { head: t`First`, cell: (line) => sayOf(line.one), numeric: true },
            { head: t`Second`, cell: (line) => sayOf(line.other), numeric: true },
            { head: t`Second takes`, cell: ({ differenceMs }) => (differenceMs === 0 ? t`as long` : differenceMs > 0 ? t`${duration(differenceMs)} longer` : t`${duration(-differenceMs)} less`), numeric: true },
          ]}
        />
      </Section>
    </>
  )
}

function Said({ tree, title }: { tree: TraceTree; title: string }) {
  const root = tree.rows[0]
  const span = useQuery({ ...spanQuery(tree.trace.trace_id, root?.span_id ?? ''), enabled: root !== undefined, placeholderData: undefined })
  const told = span.data ? lastSaid(span.data) : null
  const said = saidOf(tree.trace)
  return (
    <Panel>
      <h3>{title}</h3>
      <Chat input={told?.input ?? said.input} output={told?.output ?? said.output} />
    </Panel>
  )
}

function sayOf(steps: Steps | null): ReactNode {
  if (steps === null) return <span className="dim">{t`none`}</span>
  return `${steps.count > 1 ? `${count(steps.count)} × ` : ''}${duration(steps.latencyMs)}${steps.failed > 0 ? `, ${plural(steps.failed, { one: '# failed', other: '# failed' })}` : ''}`
}
