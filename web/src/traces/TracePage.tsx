/* One trace: its spans as a tree on one time axis, the chosen span beside it, what was said about it, and where its answer came
   from. The tree comes in parts, so that a trace of any size opens. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { TextInput } from '@mantine/core'
import { useLocalStorage } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useEffect, useLayoutEffect, useMemo, useRef, useState, type RefObject } from 'react'
import { problemOf } from '../api/problem'
import type { TraceTree, TreeRow } from '../api/types'
import { FeedbackOn } from '../feedback/FeedbackOn'
import { count, duration, usd } from '../format/numbers'
import { sh } from '../format/shell'
import { Lineage } from '../lineage/Lineage'
import { ReleaseLink } from '../releases/ReleaseLink'
import { Id } from '../ui/CommandLine'
import { Facts } from '../ui/Facts'
import { Page, Section } from '../ui/Page'
import { Answer, Empty, ProblemState } from '../ui/states'
import { Status } from '../ui/Status'
import { When } from '../ui/When'
import { ActOn } from './ActOn'
import { CompareWith } from './CompareWith'
import { NextTrace } from './NextTrace'
import { sumsOf, timeOf, type Line } from './outline'
import { foundQuery, spanQuery, treeQuery } from './queries'
import { SpanView } from './SpanView'
import { Tree } from './Tree'
import styles from './TracePage.module.css'
import { useOutline } from './useOutline'

export function TracePage() {
  const { traceId } = useParams({ from: '/frame/traces/$traceId' })
  const tree = useQuery(treeQuery(traceId))
  return (
    <Page
      title={tree.data?.trace.name ?? t`Trace`}
      crumbs={[{ label: t`Traces`, to: '/traces' }]}
      beside={tree.data && <Status state={tree.data.trace.status} />}
      actions={tree.data && <><NextTrace traceId={traceId} /><CompareWith traceId={traceId} /><ActOn traceIds={[traceId]} /></>}
      command={sh`treadle trace show ${traceId}`}
      python={`client.traces.tree(${JSON.stringify(traceId)})`}
    >
      <Answer query={tree} what={t`the trace`}>{(data) => <TraceView key={traceId} traceId={traceId} tree={data} />}</Answer>
    </Page>
  )
}

function TraceView({ traceId, tree }: { traceId: string; tree: TraceTree }) {
  return (
    <>
      <Head tree={tree} />
      {!tree.is_complete && <p role="note" className="dim">{t`It has more than ${count(tree.span_count)} spans: the first of them are shown, the rest is only found by searching.`}</p>}
      <Spans traceId={traceId} tree={tree} />
      <FeedbackOn traceId={traceId} />
      <Lineage of="trace" nodeId={traceId} title={t`Where the answer came from, and where it went`} />
    </>
  )
}

function Head({ tree }: { tree: TraceTree }) {
  const { trace } = tree
  const { tokens, costUsd, isPart } = sumsOf(tree)
  const root = tree.rows[0]
  const detail = useQuery({ ...spanQuery(trace.trace_id, root?.span_id ?? ''), enabled: root !== undefined })
  const user = detail.data?.user_id
  return (
    <Facts
      facts={[
        [t`Trace`, <Id key="id" value={trace.trace_id} />],
        [t`When`, <When key="when" at={trace.started_at} />],
        [t`Latency`, duration(trace.latency_ms)],
        [t`First token`, trace.time_to_first_token_ms == null ? null : duration(trace.time_to_first_token_ms)],
        [t`Spans`, tree.error_count > 0 ? t`${count(tree.span_count)}, ${count(tree.error_count)} failed` : count(tree.span_count)],
        [t`Endpoint`, trace.endpoint && <Link key="endpoint" to="/endpoints/$name" params={{ name: trace.endpoint }}>{trace.endpoint}</Link>],
        [t`Release`, trace.release_id && <ReleaseLink key="release" releaseId={trace.release_id} />],
        [t`Rollout`, trace.rollout_id && <Link key="rollout" to="/rollouts/$rolloutId" params={{ rolloutId: trace.rollout_id }}>{t`its evidence`}</Link>],
        [t`Tokens`, tokens === null ? t`unknown` : t`${count(tokens[0])} in, ${count(tokens[1])} out`],
        [t`Cost`, costUsd === null ? t`unknown` : isPart ? t`at least ${usd(costUsd)}` : usd(costUsd)],
        [t`Cache`, cacheOf(detail.data?.attributes)],
        [t`Session`, trace.session_id && <Link key="session" to="/sessions/$name" params={{ name: trace.session_id }}>{trace.session_id}</Link>],
        [t`User`, user && <Link key="user" to="/users/$name" params={{ name: user }}>{user}</Link>],
        [t`Kept`, tree.from_archive ? t`in the archive` : null],
      ]}
    />
  )
}

function cacheOf(attributes: Record<string, unknown> | undefined): string | null {
  const kept = attributes?.['treadle.cache']
  if (typeof kept !== 'string') return null
  return kept === 'miss' ? t`not in the cache` : t`answered from the cache (${kept})`
}

function Spans({ traceId, tree }: { traceId: string; tree: TraceTree }) {
  const { outline, lines, open, toggle, load, problem } = useOutline(traceId, tree)
  const { span: named, find: said = '' } = useSearch({ from: '/frame/traces/$traceId' })
  const navigate = useNavigate({ from: '/traces/$traceId' })
  const found = useQuery(foundQuery(traceId, said))
  const isSearching = said !== ''

  const flat = useMemo(() => found.data?.spans.map((span, at, all): Line => ({ kind: 'span', row: outline.rows.get(span.span_id) ? { ...outline.rows.get(span.span_id)!, depth: 0, child_count: 0 } : lonely(span), setSize: all.length, place: at + 1 })) ?? [], [found.data, outline])
  const shown = isSearching ? flat : lines
  const time = useMemo(() => timeOf(outline.rows.values()), [outline])
  const first = lines[0]?.kind === 'span' ? lines[0].row.span_id : null
  const chosen = named ?? first

  // What was chosen last. The page is drawn a moment after, and a key that is held comes again before that.
  const latest = useRef(chosen)
  useLayoutEffect(() => {
    latest.current = chosen
  }, [chosen])
  const choose = (spanId: string): void => {
    latest.current = spanId
    void navigate({ search: (before) => ({ ...before, span: spanId }), replace: true, resetScroll: false })
  }
  useSteps(shown, latest, choose)

  return (
    <Section title={t`Spans`}>
      <div className="spread" style={{ alignItems: 'flex-end' }}>
        <Find value={said} apply={(find) => void navigate({ search: (before) => ({ ...before, find: find || undefined }), replace: true, resetScroll: false })} />
        <p className="dim">
          <Trans><kbd>j</kbd> next, <kbd>k</kbd> before, arrows open and close; <kbd>J</kbd> and <kbd>K</kbd> go to the next trace of the list and the one before. <span aria-hidden="true">◆</span> is on the critical path: what the whole waited for.</Trans>
        </p>
      </div>
      {isSearching && found.error && <ProblemState problem={problemOf(found.error)} />}
      {problem && <ProblemState problem={problem} />}
      <div className={styles.split}>
        <div className={styles.left}>
          {isSearching && found.data !== undefined && !found.error && (
            <p className="dim" role="status">
              {found.data.isAll ? plural(flat.length, { one: '# span has it', other: '# spans have it' }) : t`First ${plural(flat.length, { one: '# span', other: '# spans' })} that have it; say more to see others.`}
            </p>
          )}
          {isSearching && found.data !== undefined && flat.length === 0 ? (
            <Empty title={t`No span has it`}><Trans>Words are whole; <code>name:*part*</code>, <code>kind:tool</code> and <code>latency&gt;1s</code> are other ways to ask.</Trans></Empty>
          ) : (
            <Tree label={isSearching ? t`Spans that were found` : t`Spans of the trace`} lines={shown} open={open} time={time} chosen={chosen} latest={latest} choose={choose} toggle={toggle} load={load} />
          )}
          {!isSearching && tree.critical_path.length > 1 && <Critical tree={tree} choose={choose} />}
        </div>
        <div className={styles.right}>{chosen && <SpanView traceId={traceId} spanId={chosen} row={outline.rows.get(chosen)} choose={choose} whole={chosen === tree.rows[0]?.span_id ? tree.trace : undefined} />}</div>
      </div>
    </Section>
  )
}

/** A span that the tree has not fetched, as a line of its own. */
function lonely(span: Pick<TreeRow, 'span_id' | 'name' | 'kind' | 'status' | 'started_at' | 'latency_ms'>): TreeRow {
  return {
    ...span, depth: 0, child_count: 0, descendant_count: 0, critical_ms: 0, subtree_cost_usd: null, subtree_unpriced_count: 0,
    subtree_error_count: span.status === 'error' ? 1 : 0, subtree_input_tokens: 0, subtree_output_tokens: 0,
  }
}

/** j and k go along the lines wherever the focus is, except where one writes; off where single keys are. */
function useSteps(lines: readonly Line[], latest: RefObject<string | null>, choose: (spanId: string) => void): void {
  const [single] = useLocalStorage({ key: 'treadle-single-keys', defaultValue: true })
  useLayoutEffect(() => {
    if (!single) return undefined
    const onKey = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || (event.key !== 'j' && event.key !== 'k')) return
      if (event.target instanceof Element && event.target.closest('input, textarea, select, [contenteditable], [role="dialog"]')) return
      const at = lines.findIndex((line) => line.kind === 'span' && line.row.span_id === latest.current)
      const next = lines[event.key === 'j' ? at + 1 : Math.max(0, at - 1)]
      if (next?.kind === 'span') choose(next.row.span_id)
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  })
}

function Find({ value, apply }: { value: string; apply: (value: string) => void }) {
  const [draft, setDraft] = useState(value)
  useEffect(() => setDraft(value), [value])
  return (
    <div className="row" role="search" aria-label={t`Search in this trace`} style={{ alignItems: 'flex-end' }}>
      <TextInput
        label={t`Search in this trace`}
        placeholder={t`words, or kind:tool latency>1s`}
        size="xs"
        w={280}
        maw="100%"
        value={draft}
        onChange={(event) => setDraft(event.currentTarget.value)}
        onBlur={() => draft.trim() !== value && apply(draft.trim())}
        onKeyDown={(event) => {
          if (event.key === 'Enter') apply(draft.trim())
          if (event.key === 'Escape') apply('')
        }}
      />
      {value !== '' && <button type="button" className={styles.plain} onClick={() => apply('')}>{t`Back to the tree`}</button>}
    </div>
  )
}

/** For what the whole waited longest. */
function Critical({ tree, choose }: { tree: TraceTree; choose: (spanId: string) => void }) {
  const steps = tree.critical_path.slice(0, 5)
  return (
    <p className="dim">
      <Trans>
        The whole waited longest for{' '}
        {steps.map((step, at) => (
          <span key={step.span_id}>
            {at > 0 && ', '}
            <button type="button" className={styles.plain} onClick={() => choose(step.span_id)}>{step.name}</button> ({duration(step.own_ms)})
          </span>
        ))}
        {tree.critical_span_count > steps.length && `, ${plural(tree.critical_span_count - steps.length, { one: 'and # span more', other: 'and # spans more' })}`}.
      </Trans>
    </p>
  )
}
