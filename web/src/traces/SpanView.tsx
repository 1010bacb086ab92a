/* One span: what it was, what it was given and gave as a chat, what it found, what happened on the way; or all of it as JSON. */
import { t } from '@lingui/core/macro'
import { SegmentedControl } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import type { Span, Trace, TreeRow } from '../api/types'
import { ScoreForm } from '../feedback/ScoreForm'
import { count, duration, measure, usd } from '../format/numbers'
import { useMay } from '../governance/queries'
import { Id } from '../ui/CommandLine'
import { DataTable } from '../ui/DataTable'
import { Facts } from '../ui/Facts'
import { Section } from '../ui/Page'
import { Answer } from '../ui/states'
import { Status } from '../ui/Status'
import { Json, Untrusted, Value } from '../ui/text'
import { Chat } from './Chat'
import { contentOf, saidOf } from './content'
import { Guards } from './Guards'
import { spanQuery } from './queries'
import { replayOf } from './replay'
import styles from './TracePage.module.css'

type SpanViewProps = {
  traceId: string
  spanId: string
  row: TreeRow | undefined
  choose: (spanId: string) => void
  /** Of a root: its trace, whose question and answer may stand in its parts only. */
  whole?: Trace | undefined
}

export function SpanView({ traceId, spanId, row, choose, whole }: SpanViewProps) {
  const span = useQuery(spanQuery(traceId, spanId))
  return <Answer query={span} what={t`the span`}>{(data) => <SpanDetail span={data} row={row} choose={choose} whole={data.span_id === spanId ? whole : undefined} />}</Answer>
}

type SpanDetailProps = Pick<SpanViewProps, 'row' | 'choose' | 'whole'> & { span: Span }

function SpanDetail({ span, row, choose, whole }: SpanDetailProps) {
  const [view, setView] = useState('chat')
  return (
    <Section
      title={span.name}
      beside={<><ScoreForm traceId={span.trace_id} span={{ id: span.span_id, name: span.name }} /><Replay span={span} /><SegmentedControl size="xs" value={view} onChange={setView} aria-label={t`How to show the span`} data={[{ value: 'chat', label: t`Chat` }, { value: 'json', label: t`JSON` }]} /></>}
    >
      {view === 'json' ? <Json value={span} label={t`span`} /> : <Readable span={span} row={row} choose={choose} whole={whole} />}
    </Section>
  )
}

/** A model call can be asked again, changed or as it was. */
function Replay({ span }: { span: Span }) {
  const may = useMay('gateway.invoke')
  const state = useMemo(() => replayOf(span, span.endpoint ?? null), [span])
  if (!may || state === null) return null
  return <Link to="/playground" search={{ state }}>{t`Replay in the playground`}</Link>
}

/** What the whole trace tells where its first span tells nothing; null where it tells nothing either. */
function lentInWords(question: boolean, answer: boolean): string | null {
  if (question && answer) return t`The question and the answer of the trace, as its parts tell them`
  if (question) return t`The question of the trace, as its parts tell it`
  return answer ? t`The answer of the trace, as its parts tell it` : null
}

function Readable({ span, row, choose, whole }: SpanDetailProps) {
  const { input, output, variables } = contentOf(span)
  const hasInput = input !== null || variables !== null
  const said = whole && (!hasInput || output === null) ? saidOf(whole) : null
  const lent = lentInWords(!hasInput && said?.input != null, output === null && said?.output != null)
  const parent = span.parent_span_id
  return (
    <>
      <Facts
        facts={[
          [t`Kind`, <Status key="kind" state={span.status} word={span.kind} />],
          [t`Latency`, duration(span.latency_ms)],
          [t`The whole waited for it`, row !== undefined && row.critical_ms >= 0.05 ? duration(row.critical_ms) : null],
          [t`First token`, span.time_to_first_token_ms == null ? null : duration(span.time_to_first_token_ms)],
          [t`Model`, span.model && [span.provider, span.model].filter(Boolean).join(' · ')],
          [t`Tool`, span.tool_name],
          [t`Tokens`, tokensOf(span)],
          [t`Cost`, span.model == null && span.cost_usd == null ? null : usd(span.cost_usd)],
          [t`Stopped because`, span.finish_reason],
          [t`Application`, span.service_name],
          [t`Part of`, parent && (row === undefined || row.depth > 0) ? <button key="parent" type="button" className={styles.plain} onClick={() => choose(parent)}>{t`the span above`}</button> : null],
          [t`Span`, <Id key="id" value={span.span_id} />],
        ]}
      />
      {span.error_message && <p role="note" className={styles.error}><strong>{span.error_code}</strong> <span className="untrusted">{span.error_message}</span></p>}
      {lent !== null && <p className="dim">{said?.isCut ? t`${lent}: the beginning.` : `${lent}.`}</p>}
      <Chat input={hasInput ? input : (said?.input ?? null)} output={output ?? said?.output ?? null} inputIsElsewhere={variables !== null || (span.documents?.length ?? 0) > 0} isSpoken={SPOKEN.has(span.kind)} />
      {variables !== null && (
        <DataTable
          caption={t`Variables: what the caller gave`}
          rows={Object.entries(variables)}
          rowKey={([name]) => name}
          columns={[
            { head: t`Variable`, cell: ([name]) => <code>{name}</code> },
            { head: t`Value`, cell: ([, value]) => (typeof value === 'object' && value !== null ? <Json value={value} label={t`value`} /> : <Value value={value} />), wide: true },
          ]}
        />
      )}
      {(span.documents?.length ?? 0) > 0 && (
        <DataTable
          caption={t`Documents that were found`}
          rows={span.documents ?? []}
          rowKey={(_, index) => String(index)}
          columns={[
            { head: t`Document`, cell: (found) => (found.id ? <code>{found.id}</code> : <span className="dim">{t`unnamed`}</span>) },
            { head: t`Text`, cell: (found) => (found.content ? <Untrusted text={found.content} fold={300} /> : <span className="dim">{t`not kept`}</span>), wide: true },
            { head: t`Score`, cell: (found) => (found.score == null ? <span className="dim">{t`none`}</span> : measure(found.score)), numeric: true },
          ]}
        />
      )}
      {(span.events?.length ?? 0) > 0 && (
        <DataTable
          caption={t`What happened on the way`}
          rows={span.events ?? []}
          rowKey={(_, index) => String(index)}
          columns={[
            { head: t`After`, cell: (event) => duration(event.after_ms), numeric: true },
            { head: t`What`, cell: (event) => event.name },
            { head: t`With`, cell: (event) => <With attributes={event.attributes ?? {}} />, wide: true },
          ]}
        />
      )}
      <Guards span={span} />
    </>
  )
}

/** Kinds whose output somebody said. */
const SPOKEN: ReadonlySet<Span['kind']> = new Set(['llm', 'agent', 'chain', 'guardrail', 'evaluator'])

/** What an event told, each value under its name, so that a stack trace stays a stack trace. */
function With({ attributes }: { attributes: Record<string, unknown> }) {
  const told = Object.entries(attributes)
  if (told.length === 0) return <span className="dim">{t`none`}</span>
  return (
    <dl className={styles.told}>
      {told.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd><Value value={value} /></dd>
        </div>
      ))}
    </dl>
  )
}

function tokensOf(span: Span): string | null {
  if (span.input_tokens == null && span.output_tokens == null) return span.kind === 'llm' ? t`unknown` : null
  return t`${count(span.input_tokens)} in, ${count(span.output_tokens)} out`
}
