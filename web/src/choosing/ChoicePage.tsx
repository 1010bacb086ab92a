/* One choice of a model: whom it recommends, the front of quality and cost, everyone who was tried, and who was left out and why. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { useMemo } from 'react'
import type { Choice, TriedModel } from '../api/types'
import { amount } from '../evals/words'
import { count, percent, price, usd } from '../format/numbers'
import { sh } from '../format/shell'
import { Lineage } from '../lineage/Lineage'
import { DataTable } from '../ui/DataTable'
import { Facts } from '../ui/Facts'
import { Figure } from '../ui/Figure'
import { Page, Panel, Section } from '../ui/Page'
import { Answer, Empty } from '../ui/states'
import { Status, Tag } from '../ui/Status'
import { Untrusted } from '../ui/text'
import { When } from '../ui/When'
import { choiceQuery } from './queries'
import { costInWords, GROUPS, latencyInWords, pointsOf, qualityOf, troublesOf, type Group, type Point } from './words'

const HERE = '/choices/$choiceId'

export function ChoicePage() {
  const { choiceId } = useParams({ from: `/frame${HERE}` })
  const choice = useQuery(choiceQuery(choiceId))
  const request = choice.data?.request
  return (
    <Page
      title={request ? t`Model for ${request.dataset}` : t`Choice of a model`}
      crumbs={[{ label: t`Models`, to: '/models' }, { label: t`Choices of a model`, to: '/choices' }]}
      beside={choice.data && <Status state={choice.data.status} />}
      command={sh`treadle model choice ${choiceId}`}
      python={`client.choices.get(${JSON.stringify(choiceId)})`}
    >
      <Answer query={choice} what={t`the choice`}>{(data) => <Chosen choice={data} />}</Answer>
    </Page>
  )
}

function Chosen({ choice }: { choice: Choice }) {
  const { request, plan, outcome } = choice
  return (
    <>
      <Facts
        facts={[
          [t`Rows`, <span key="rows"><Link to="/datasets/$name" params={{ name: request.dataset }}>{request.dataset}</Link>{`, ${[request.part, plural(plan.rows, { one: '# row', other: '# rows' })].filter(Boolean).join(', ')}`}</span>],
          [t`Judged by`, request.scorers.map(({ name }) => name.replaceAll('_', ' ')).join(', ')],
          [t`Prompt`, request.prompt && <Link key="prompt" to="/prompts/$name" params={{ name: request.prompt }}>{request.prompt}</Link>],
          [t`Loss that would be accepted`, percent(request.margin)],
          [t`Spent`, outcome === null ? null : request.budget_usd == null ? usd(outcome.spent_usd) : t`${usd(outcome.spent_usd)} of ${usd(request.budget_usd)}`],
          [t`Asked for`, <When key="when" at={choice.created_at} />],
          [t`Run`, <Link key="run" to="/runs/$runId" params={{ runId: choice.run_id }}>{t`its run`}</Link>],
        ]}
      />
      <Section title={t`Recommendation`}>
        {outcome === null ? (
          <Empty title={choice.status === 'failed' || choice.status === 'cancelled' ? t`It ended without a recommendation` : t`The models are still being tried`}>{plan.words}</Empty>
        ) : (
          <Panel className="stack-tight">
            <p>{outcome.recommended === null ? <Status state="not_shown" word={t`Nobody is recommended`} /> : <><Tag tone="good">{t`recommended`}</Tag> <strong>{outcome.recommended}</strong></>}</p>
            <Untrusted text={outcome.words} fold={4000} />
          </Panel>
        )}
      </Section>
      {outcome !== null && <Front tried={outcome.tried} recommended={outcome.recommended} />}
      {outcome !== null && <Tried tried={outcome.tried} recommended={outcome.recommended} />}
      {outcome === null && (
        <Section title={t`Whom it tries`}>
          <DataTable
            caption={t`Models that are tried`}
            rows={plan.models}
            rowKey={({ entry }) => entry.name}
            columns={[
              { head: t`Model`, cell: ({ entry }) => entry.name, wide: true },
              { head: t`1,000 usual requests`, cell: (one) => price(one.usd_per_thousand), numeric: true },
              { head: t`Trying it costs at most`, cell: (one) => usd(one.most_usd), numeric: true },
            ]}
          />
        </Section>
      )}
      {plan.excluded.length > 0 && (
        <Section title={t`Left out before a request`}>
          <DataTable
            caption={t`Who was left out, and why`}
            rows={plan.excluded}
            rowKey={({ name }) => name}
            maxHeight="22rem"
            columns={[{ head: t`Model`, cell: ({ name }) => name }, { head: t`Because`, cell: ({ reasons }) => reasons.join('; '), wide: true }]}
          />
        </Section>
      )}
      <Lineage nodeId={choice.choice_id} />
    </>
  )
}

function Front({ tried, recommended }: { tried: readonly TriedModel[]; recommended: string | null }) {
  const points = useMemo(() => pointsOf(tried, recommended), [tried, recommended])
  const first = tried.find(({ metrics = [] }) => metrics.length > 0)?.metrics?.[0]
  const unit = first?.unit
  const option = useMemo(() => optionOf(points, (value) => amount(value, unit)), [points, unit])
  if (points.length === 0) return null
  const unpriced = tried.length - points.length
  return (
    <Figure
      title={t`Quality and cost`}
      words={<>{first?.higher_is_better === false ? t`Further down and further left is better.` : t`Further up and further left is better.`} {unpriced > 0 && plural(unpriced, { one: '# model stands in the table only: its quality or its price is not known.', other: '# models stand in the table only: their quality or their price is not known.' })}</>}
      option={option}
      height={300}
      rows={points}
      columns={[
        { head: t`Model`, cell: ({ name }) => name, wide: true },
        { head: t`How it stands`, cell: ({ group }) => GROUPS[group].word },
        { head: t`Quality`, cell: ({ quality }) => amount(quality, unit), numeric: true },
        { head: t`1,000 requests`, cell: ({ cost }) => price(cost), numeric: true },
      ]}
    />
  )
}

function optionOf(points: readonly Point[], tell: (value: number) => string) {
  const groups = (Object.keys(GROUPS) as Group[]).filter((group) => points.some((point) => point.group === group))
  return {
    xAxis: { type: 'value', name: t`cost of 1,000 requests`, min: 0, axisLabel: { formatter: (value: number) => price(value) } },
    yAxis: { type: 'value', scale: true, axisLabel: { formatter: tell } },
    tooltip: { show: false },
    legend: { type: 'plain', itemWidth: 12 },
    grid: { right: 120 },
    series: groups.map((group) => ({
      type: 'scatter',
      name: GROUPS[group].word,
      symbol: GROUPS[group].symbol,
      symbolSize: group === 'recommended' ? 15 : 11,
      label: { show: true, position: 'right', formatter: '{b}', fontSize: 11 },
      labelLayout: { hideOverlap: true },
      data: points.filter((point) => point.group === group).map(({ name, cost, quality }) => ({ name, value: [cost, quality] })),
    })),
  }
}

function Tried({ tried, recommended }: { tried: TriedModel[]; recommended: string | null }) {
  return (
    <Section title={t`Everyone who was tried`}>
      <DataTable
        caption={t`Models that were tried, the best first`}
        rows={tried}
        rowKey={({ entry }) => entry.name}
        selected={({ entry }) => entry.name === recommended}
        columns={[
          { head: t`Model`, cell: ({ entry, experiment_id: id }) => (id === null ? entry.name : <Link to="/experiments/$experimentId" params={{ experimentId: id }}>{entry.name}</Link>) },
          { head: t`How it stands`, cell: ({ entry, on_front }) => (entry.name === recommended ? <Tag tone="good">{t`recommended`}</Tag> : on_front ? <Tag tone="live">{t`on the front`}</Tag> : <span className="dim">{t`not on the front`}</span>) },
          { head: t`Quality (95 % interval)`, cell: qualityOf },
          { head: t`1,000 requests (95 % interval)`, cell: costInWords },
          { head: t`Answer: median, 95 % within`, cell: (one) => <><p>{latencyInWords(one.latency_p50_ms)}</p><p>{latencyInWords(one.latency_p95_ms)}</p></> },
          { head: t`No answer`, cell: ({ errors }) => count(errors), numeric: true },
        ]}
      />
      <DataTable
        caption={t`Against the best, and what speaks against each`}
        rows={tried}
        rowKey={({ entry }) => entry.name}
        selected={({ entry }) => entry.name === recommended}
        columns={[
          { head: t`Model`, cell: ({ entry }) => entry.name },
          { head: t`Against the best`, cell: ({ against_best: against, problem }) => (against ? <Status state={against.verdict} /> : <span className="dim">{problem === null ? t`the best itself` : t`not compared`}</span>) },
          { head: t`In words`, cell: ({ against_best: against }) => against?.words, wide: true },
          { head: t`Hallucination and bias`, cell: ({ risks = [] }) => risks.map(({ kind, words }) => <p key={kind}>{kind === 'bias' ? t`bias: ${words}` : t`hallucination: ${words}`}</p>) },
          { head: t`What speaks against it`, cell: (one) => troublesOf(one).map((words) => <p key={words}>{words}</p>) },
        ]}
      />
      <p className="dim"><Trans>On the front is who meets the requirements and whom nobody else equals in quality, cost and speed while being better in one.</Trans></p>
    </Section>
  )
}
