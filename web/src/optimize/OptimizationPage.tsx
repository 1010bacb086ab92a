/* One search for a better prompt: what came of it on rows that it never saw, what it spent, and everything that it tried. */
import { plural, t } from '@lingui/core/macro'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useParams, useSearch } from '@tanstack/react-router'
import { useEffect } from 'react'
import type { Candidate, Optimization } from '../api/types'
import { scorersQuery } from '../evals/queries'
import { amount, type Unit } from '../evals/words'
import { count, measure, percent } from '../format/numbers'
import { sh } from '../format/shell'
import { Lineage } from '../lineage/Lineage'
import { promptVersionsQuery } from '../prompts/queries'
import { DataTable } from '../ui/DataTable'
import { SideBySide } from '../ui/Diff'
import { Facts } from '../ui/Facts'
import { More } from '../ui/More'
import { Page, Panel, Section } from '../ui/Page'
import { Answer, Empty, Loading } from '../ui/states'
import { Status, Tag } from '../ui/Status'
import { Json, Untrusted, Value } from '../ui/text'
import { When } from '../ui/When'
import { Verdict } from './Optimizations'
import { candidatesQuery, isUnderWay, optimizationQuery } from './queries'
import { behindVerdict, changesOf, madeFrom, methodInWords, spentInWords } from './words'

const HERE = '/optimizations/$optimizationId'

export function OptimizationPage() {
  const { optimizationId } = useParams({ from: `/frame${HERE}` })
  const optimization = useQuery(optimizationQuery(optimizationId))
  const request = optimization.data?.request
  return (
    <Page
      title={request ? t`Optimisation of ${request.prompt}` : t`Optimisation`}
      crumbs={[{ label: t`Prompts`, to: '/prompts' }, { label: t`Optimisations`, to: '/optimizations' }]}
      beside={optimization.data && <Status state={optimization.data.status} />}
      command={sh`treadle prompt optimization ${optimizationId}`}
      python={`client.optimizations.get(${JSON.stringify(optimizationId)})\nclient.optimizations.list_candidates(${JSON.stringify(optimizationId)})`}
    >
      <Answer query={optimization} what={t`the optimisation`}>{(data) => <Found optimization={data} />}</Answer>
    </Page>
  )
}

function Found({ optimization }: { optimization: Optimization }) {
  const { request } = optimization
  const versions = useQuery(promptVersionsQuery(request.prompt))
  const scorers = useQuery(scorersQuery)
  const unit = scorers.data?.find(({ name }) => name === request.scorer.name)?.unit ?? 'share'
  const made = versions.data?.find(({ prompt_version_id }) => prompt_version_id === optimization.best_version_id)
  const version = (number: number | string) => <Link to="/prompts/$name" params={{ name: request.prompt }} search={{ version: String(number) }}>{`${request.prompt} v${number}`}</Link>
  return (
    <>
      <Facts
        facts={[
          [t`Began with`, <span key="base">{version(request.version)}</span>],
          [t`Searched`, methodInWords(request.method)],
          [t`Rows`, <Link key="rows" to="/datasets/$name/versions/$version" params={{ name: request.dataset, version: String(request.dataset_version) }}>{`${request.dataset} v${request.dataset_version}`}</Link>],
          [t`Answered by`, <Link key="endpoint" to="/endpoints/$name" params={{ name: request.endpoint }}>{request.endpoint}</Link>],
          [t`Written by`, request.writer && <Link key="writer" to="/endpoints/$name" params={{ name: request.writer }}>{request.writer}</Link>],
          [t`Judged by`, <Link key="scorer" to="/scorers/$name" params={{ name: request.scorer.name }}>{request.scorer.name.replaceAll('_', ' ')}</Link>],
          [t`Asked for`, <When key="when" at={optimization.created_at} />],
          [t`Run`, <Link key="run" to="/runs/$runId" params={{ runId: optimization.run_id }}>{t`its run`}</Link>],
        ]}
      />
      <Section title={t`What came of it`}>
        {optimization.words === null ? (
          <Empty title={isUnderWay(optimization) ? t`It is still searching` : t`It ended without a result`}>{isUnderWay(optimization) ? t`What it tried so far stands below; the comparison comes at the end.` : t`Its run says why.`}</Empty>
        ) : (
          <Panel className="stack-tight">
            <p>{optimization.held_out && <Verdict verdict={optimization.held_out.verdict} />} {behindVerdict(optimization.words)}</p>
            {made && <p>{version(made.version)}</p>}
          </Panel>
        )}
        {optimization.held_out && <HeldOut held={optimization.held_out} unit={unit} alpha={request.alpha} />}
      </Section>
      <Section title={t`Budget`}>
        <Facts
          facts={[
            [t`Requests`, t`${count(optimization.calls)} of ${count(request.max_calls)}`],
            [t`Spent`, spentInWords(optimization)],
            [t`Rows to learn from`, t`${count(request.train_rows)} at most`],
            [t`Rows to rank on`, t`${count(request.validation_rows)} at most`],
            [t`Rows of the comparison`, t`${count(request.test_rows)} at most`],
          ]}
        />
      </Section>
      <Candidates optimization={optimization} unit={unit} />
      <Lineage nodeId={optimization.optimization_id} />
    </>
  )
}

function HeldOut({ held, unit, alpha }: { held: NonNullable<Optimization['held_out']>; unit: Unit; alpha: number }) {
  const sides = [{ what: t`The version it began with`, mean: held.baseline }, { what: t`The version it found`, mean: held.candidate }]
  return (
    <>
      <DataTable
        caption={t`Held against each other on rows that the search never saw`}
        rows={sides}
        rowKey={({ what }) => what}
        columns={[{ head: t`Version`, cell: ({ what }) => what, wide: true }, { head: t`Mean`, cell: ({ mean }) => amount(mean, unit), numeric: true }]}
      />
      <p className="dim">
        {t`Difference ${signed(held.candidate - held.baseline, unit)}, ${percent(1 - alpha, 0)} interval ${signed(held.low, unit)} to ${signed(held.high, unit)}, p ${measure(held.p_value)}, ${plural(held.rows, { one: 'on # row', other: 'on # rows' })}.`}
      </p>
    </>
  )
}

const signed = (value: number, unit: Unit): string => (value > 0 ? `+${amount(value, unit)}` : amount(value, unit))

function Candidates({ optimization, unit }: { optimization: Optimization; unit: Unit }) {
  const { candidate: shown } = useSearch({ from: `/frame${HERE}` })
  const candidates = useInfiniteQuery(candidatesQuery(optimization.optimization_id, isUnderWay(optimization)))
  const all = candidates.data?.pages.flatMap((page) => page.items) ?? []
  const wanted = all.find(({ number }) => String(number) === shown)
  const chosen = wanted ?? all.find(({ number }) => number === optimization.best)
  // One that the address names may stand on a later page.
  const looksOn = shown !== undefined && wanted === undefined && candidates.hasNextPage && candidates.error === null
  useEffect(() => {
    if (looksOn && !candidates.isFetching) void candidates.fetchNextPage()
  }, [looksOn, candidates.isFetching])
  return (
    <Section title={t`Candidates`}>
      <More query={candidates} counted={(num) => plural(num, { one: '# candidate', other: '# candidates' })} empty={<Empty title={t`Nothing was tried yet`} />}>
        {(rows) => (
          <DataTable
            caption={t`What was tried`}
            rows={rows}
            rowKey={({ number }) => String(number)}
            selected={(one) => one === chosen}
            maxHeight="26rem"
            columns={[
              { head: t`Candidate`, cell: ({ number }) => <Link to={HERE} params={{ optimizationId: optimization.optimization_id }} search={{ candidate: String(number) }} resetScroll={false} aria-current={number === chosen?.number || undefined}>{number}</Link>, numeric: true },
              { head: t`Made from`, cell: madeFrom },
              { head: t`Score`, cell: ({ score }) => (score === null ? <span className="dim">{t`not scored`}</span> : amount(score, unit)), numeric: true },
              { head: t`Rows`, cell: ({ rows: scored }) => count(scored), numeric: true },
              { head: t`How it stands`, cell: ({ number, refused }) => (refused !== null ? <><Tag tone="warn">{t`refused`}</Tag> {refused}</> : number === optimization.best ? <Tag tone="good">{t`best`}</Tag> : ''), wide: true },
            ]}
          />
        )}
      </More>
      {looksOn ? <Loading what={t`candidate ${shown}`} /> : (
        <>
          {shown !== undefined && wanted === undefined && candidates.isSuccess && <p role="status">{chosen ? t`There is no candidate ${shown}; the best one is shown.` : t`There is no candidate ${shown}.`}</p>}
          {chosen && <Shown candidate={chosen} first={all[0]} />}
        </>
      )}
    </Section>
  )
}

function Shown({ candidate, first }: { candidate: Candidate; first: Candidate | undefined }) {
  const isFirst = first === undefined || candidate.number === first.number
  const changed = isFirst ? [] : changesOf(first.messages, candidate.messages)
  return (
    <section className="stack-tight" aria-label={t`Candidate ${candidate.number}`}>
      <h3>{t`Candidate ${candidate.number}`}</h3>
      {isFirst
        ? candidate.messages.map((message, at) => <Panel key={at}><p className="dim">{message.role}</p><Untrusted text={message.template} /></Panel>)
        : changed.map(({ at, before, after }) => <SideBySide key={at} title={t`Message ${at + 1}`} before={before} after={after} names={[t`the version it began with`, t`candidate ${candidate.number}`]} />)}
      {!isFirst && changed.length === 0 && <p className="dim">{t`It says the same as the version it began with.`}</p>}
      {candidate.examples && candidate.examples.rows.length > 0 && (
        <DataTable
          caption={t`Examples that it shows`}
          rows={candidate.examples.rows}
          rowKey={(_, at) => String(at)}
          maxHeight="16rem"
          columns={[{ head: t`Asked`, cell: ({ input }) => <Value value={input} />, wide: true }, { head: t`Answered`, cell: ({ output }) => <Value value={output} /> }]}
        />
      )}
      {Object.keys(candidate.parameters).length > 0 && <Json value={candidate.parameters} label={t`parameters`} />}
    </section>
  )
}
