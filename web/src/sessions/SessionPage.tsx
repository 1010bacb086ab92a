/* One session as the conversation it was: each trace as what was asked and answered, oldest first, with its scores and its trace. */
import { plural, t } from '@lingui/core/macro'
import { useIntersection } from '@mantine/hooks'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import type { Party, Trace } from '../api/types'
import { count, duration } from '../format/numbers'
import { sh } from '../format/shell'
import { exact } from '../format/times'
import { Chat } from '../traces/Chat'
import { lastSaid, saidOf } from '../traces/content'
import { tracesQuery } from '../traces/queries'
import { Scores } from '../traces/Scores'
import { Facts } from '../ui/Facts'
import { More } from '../ui/More'
import { Page, Section } from '../ui/Page'
import { Answer, Empty } from '../ui/states'
import { Status } from '../ui/Status'
import { When } from '../ui/When'
import { costOf, Means, tokensOf } from './Parties'
import { sessionQuery, turnQuery } from './queries'
import styles from './SessionPage.module.css'

/** How much of a question and an answer a list of traces has. */
const SHOWN = 200

export function SessionPage() {
  const { name } = useParams({ from: '/frame/sessions/$name' })
  const session = useQuery(sessionQuery(name))
  return (
    <Page
      title={name}
      crumbs={[{ label: t`Sessions`, to: '/sessions' }]}
      command={sh`treadle trace list ${`session:${quoted(name)}`}`}
      python={`client.traces.get_session(${JSON.stringify(name)})\nclient.traces.list_(${JSON.stringify(`session:${quoted(name)}`)})`}
    >
      <Answer query={session} what={t`the session`}>{(party) => <SessionView party={party} />}</Answer>
    </Page>
  )
}

function SessionView({ party }: { party: Party }) {
  const traces = useInfiniteQuery(tracesQuery({ session_id: party.name }))
  return (
    <>
      <PartyFacts party={party} />
      <Section title={t`The conversation`} beside={<Link to="/traces" search={{ q: `session:${quoted(party.name)}` }}>{t`As a list`}</Link>}>
        <More before query={traces} more={t`Show earlier turns`} counted={(num) => plural(num, { one: '# turn', other: '# turns' })} empty={<Empty title={t`Its traces are no longer kept`}>{t`What they came to stands above.`}</Empty>}>
          {(rows) => <ol className={styles.turns}>{rows.toReversed().map((trace) => <Turn key={trace.trace_id} trace={trace} />)}</ol>}
        </More>
      </Section>
    </>
  )
}

export function PartyFacts({ party }: { party: Party }) {
  return (
    <Facts
      facts={[
        [t`First seen`, exact(party.first_at)],
        [t`Last seen`, <When key="last" at={party.last_at} />],
        [t`Traces`, party.error_count > 0 ? t`${count(party.trace_count)}, ${count(party.error_count)} failed` : count(party.trace_count)],
        [t`Spans`, count(party.span_count)],
        [t`Tokens in → out`, tokensOf(party)],
        [t`Cost`, costOf(party)],
        [t`Scores of the newest`, <Means key="scores" scores={party.scores} />],
      ]}
    />
  )
}

function Turn({ trace }: { trace: Trace }) {
  const isCut = trace.input_text.length >= SHOWN || trace.output_text.length >= SHOWN || trace.input_text === ''
  const [isNear, setNear] = useState(false)
  const { ref, entry } = useIntersection({ rootMargin: '400px' })
  // Once seen it stays: what was said does not become short again when one scrolls on.
  if (entry?.isIntersecting && !isNear) setNear(true)
  const root = useQuery({ ...turnQuery(trace.trace_id), enabled: isCut && isNear })
  const told = saidOf(trace)
  const whole = root.data ? lastSaid(root.data) : null
  const said = { input: whole?.input ?? told.input, output: whole?.output ?? told.output }
  return (
    <li ref={ref}>
      <div className={styles.head}>
        <Link to="/traces/$traceId" params={{ traceId: trace.trace_id }}>{exact(trace.started_at)}</Link>
        <span className="dim">{duration(trace.latency_ms)}</span>
        {trace.status !== 'ok' && <Status state={trace.status} word={trace.error_code ?? undefined} />}
        {trace.scores.length > 0 && <Scores scores={trace.scores} />}
      </div>
      <Chat input={said.input} output={said.output} />
    </li>
  )
}

export function quoted(value: string): string {
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}
