/* One experiment: its scores with intervals, against another on the same rows in words, and every judged row. */
import { plural, t } from '@lingui/core/macro'
import { Checkbox } from '@mantine/core'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import type { ComparisonReport, Experiment, Metric } from '../api/types'
import { count, duration, percent, usd } from '../format/numbers'
import { sh, withOptions } from '../format/shell'
import { Lineage } from '../lineage/Lineage'
import { NamedLink } from '../lineage/NamedLink'
import { useNamed } from '../lineage/names'
import { CommandLine } from '../ui/CommandLine'
import { DataTable } from '../ui/DataTable'
import { Facts } from '../ui/Facts'
import { FilterText } from '../ui/Filter'
import { More } from '../ui/More'
import { NamePick } from '../ui/NamePick'
import { Page, Section } from '../ui/Page'
import { Snippet } from '../ui/Snippet'
import { Answer, Empty } from '../ui/states'
import { Status } from '../ui/Status'
import { Untrusted, Value } from '../ui/text'
import { When } from '../ui/When'
import { Tried } from './Experiments'
import { biasFormOf } from './bias'
import { comparisonQuery, experimentQuery, experimentsFound, isUnderWay, resultsQuery } from './queries'
import { amount, costInWords, peopleInWords, pointsOf, rowsInWords, scoreInWords, testInWords, wayOfInterval } from './words'

const HERE = '/experiments/$experimentId'

export function ExperimentPage() {
  const { experimentId } = useParams({ from: `/frame${HERE}` })
  const experiment = useQuery(experimentQuery(experimentId))
  return (
    <Page
      title={experiment.data?.name ?? t`Experiment`}
      crumbs={[{ label: t`Experiments`, to: '/experiments' }]}
      beside={experiment.data && <Status state={experiment.data.status} />}
      command={sh`treadle eval show ${experimentId}`}
      python={`client.experiments.get(${JSON.stringify(experimentId)})`}
    >
      <Answer query={experiment} what={t`the experiment`}>{(data) => <ExperimentView experiment={data} />}</Answer>
    </Page>
  )
}

function ExperimentView({ experiment }: { experiment: Experiment }) {
  return (
    <>
      <Facts
        facts={[
          [t`What was tried`, <Tried key="tried" experiment={experiment} />],
          [t`Dataset`, <NamedLink key="dataset" id={experiment.dataset_version_id} />],
          [t`Rows`, experiment.rows == null ? null : experiment.part ? t`${count(experiment.rows_done)} of ${count(experiment.rows)}, part ${experiment.part}` : t`${count(experiment.rows_done)} of ${count(experiment.rows)}`],
          [t`No answer`, count(experiment.errors)],
          [t`Median answer`, experiment.latency_p50_ms == null ? null : duration(experiment.latency_p50_ms)],
          [t`95 % within`, experiment.latency_p95_ms == null ? null : duration(experiment.latency_p95_ms)],
          [t`Cost`, costInWords(experiment)],
          [t`Rows belong together by`, experiment.cluster_by],
          [t`Stops early`, experiment.stop && <Link key="stop" to={HERE} params={{ experimentId: experiment.stop.against }}>{t`once it is shown to differ from another`}</Link>],
          [t`Asked for`, <When key="when" at={experiment.created_at} />],
          [t`Run`, <Link key="run" to="/runs/$runId" params={{ runId: experiment.run_id }}>{t`its run`}</Link>],
        ]}
      />
      <Section title={t`Scores`}>
        {experiment.metrics.length === 0 ? (
          <Empty title={t`No score yet`}>{t`Scores come when every row is judged.`}</Empty>
        ) : (
          <DataTable
            caption={t`Scores with 95 % intervals`}
            rows={experiment.metrics}
            rowKey={(metric) => metric.name}
            columns={[
              { head: t`Scorer`, cell: (metric) => metric.name.replaceAll('_', ' ') },
              { head: t`Mean (95 % interval)`, cell: scoreInWords, wide: true },
              { head: t`Interval`, cell: wayOfInterval },
              { head: t`Rows judged`, cell: (metric) => count(metric.scored), numeric: true },
              { head: t`Not judged`, cell: (metric) => count(metric.unscored), numeric: true },
            ]}
          />
        )}
        {experiment.metrics.some(({ stopped_early }) => stopped_early) && <p className="dim">{t`Where it stopped early, the mean lies further out than it would over all rows.`}</p>}
      </Section>
      {experiment.metrics.some(({ judge }) => judge) && <Judges metrics={experiment.metrics} />}
      {experiment.status === 'succeeded' && <Against experiment={experiment} />}
      <Rows experiment={experiment} />
      <Lineage nodeId={experiment.experiment_id} />
    </>
  )
}

/** What stands behind the figures of judges, and what people would say of the same answers. */
function Judges({ metrics }: { metrics: Metric[] }) {
  return (
    <Section title={t`What people would say`}>
      <DataTable
        caption={t`Judges, and what people would say of the same answers`}
        rows={metrics.filter(({ judge }) => judge)}
        rowKey={({ name }) => name}
        columns={[
          { head: t`Judge`, cell: ({ name }) => <Link to="/scorers/$name" params={{ name }}>{name.replaceAll('_', ' ')}</Link> },
          { head: t`People would call good (95 % interval)`, cell: (metric) => peopleInWords(metric) ?? <span className="dim">{metric.judge?.calibration_id == null ? t`unknown: it is uncalibrated` : t`unknown: its calibration cannot tell`}</span> },
          { head: t`By its own probabilities`, cell: ({ judge }) => (judge?.expected_good == null ? <span className="dim">{t`unknown`}</span> : percent(judge.expected_good)), numeric: true },
          { head: t`How far to believe it`, cell: ({ judge }) => judge?.words, wide: true },
          { head: t`Too unsure`, cell: ({ judge }) => count(judge?.abstained), numeric: true },
          { head: t`Doubtful`, cell: ({ judge }) => count(judge?.warnings), numeric: true },
          { head: t`Requests`, cell: ({ judge }) => count(judge?.requests), numeric: true },
          { head: t`Cost`, cell: ({ judge }) => usd(judge?.cost_usd), numeric: true },
        ]}
      />
    </Section>
  )
}

function Against({ experiment }: { experiment: Experiment }) {
  const search = useSearch({ from: `/frame${HERE}` })
  const { against, margin, equivalence } = search
  const navigate = useNavigate()
  const set = (part: Partial<typeof search>): void => void navigate({ to: HERE, params: { experimentId: experiment.experiment_id }, search: { ...search, ...part }, resetScroll: false })
  const found = (filter: { q?: string | undefined }) => experimentsFound({ ...filter, dataset_version_id: experiment.dataset_version_id, status: 'succeeded' })
  const choiceOf = (one: Experiment) => (one.experiment_id !== experiment.experiment_id && one.part === experiment.part ? { value: one.experiment_id, label: one.name } : null)
  const first = useInfiniteQuery(found({}))
  const called = useNamed(against)
  const isAlone = first.data !== undefined && !first.hasNextPage && first.data.pages.every((page) => page.items.every((one) => choiceOf(one) === null))
  if ((first.data === undefined || isAlone) && !against) return null
  return (
    <Section title={t`Against another on the same rows`}>
      <div className="row" style={{ alignItems: 'flex-end' }}>
        <NamePick
          label={t`Baseline`}
          size="xs"
          found={found}
          choiceOf={choiceOf}
          value={against ?? ''}
          called={called?.title ?? null}
          onChange={(chosen) => set({ against: chosen || undefined })}
        />
        {against && <FilterText label={t`Loss that would be accepted (points)`} placeholder={t`such as 2`} value={margin ?? ''} onApply={(points) => set({ margin: points || undefined })} error={faultOf(margin)} />}
        {against && <FilterText label={t`Difference that would not matter (points)`} placeholder={t`such as 2`} value={equivalence ?? ''} onApply={(points) => set({ equivalence: points || undefined })} error={faultOf(equivalence)} />}
        {against && <Link to="/experiments/grid" search={{ ids: `${against},${experiment.experiment_id}` }}>{t`Rows side by side`}</Link>}
      </div>
      {against && <Compared baselineId={against} candidateId={experiment.experiment_id} margin={margin} equivalence={equivalence} />}
    </Section>
  )
}

const faultOf = (points: string | undefined): string | undefined => (points !== undefined && pointsOf(points) === undefined ? t`A number above 0 and below 100` : undefined)

function Compared({ baselineId, candidateId, ...told }: { baselineId: string; candidateId: string; margin: string | undefined; equivalence: string | undefined }) {
  const ruled = { margin: pointsOf(told.margin), equivalence: pointsOf(told.equivalence) }
  const comparison = useQuery(comparisonQuery(baselineId, candidateId, ruled))
  const points = (share: number | undefined): string | undefined => (share === undefined ? undefined : String(Number((share * 100).toPrecision(6))))
  return (
    <>
      <p className="dim" role="status">{comparison.isPlaceholderData && t`Comparing anew…`}</p>
      <div aria-busy={comparison.isPlaceholderData} style={comparison.isPlaceholderData ? { opacity: 0.5 } : undefined}>
        <Answer query={comparison} what={t`the comparison`}>{(report) => <Report report={report} />}</Answer>
      </div>
      <div><CommandLine command={withOptions(sh`treadle eval compare ${baselineId} ${candidateId}`, { 'margin-points': points(ruled.margin), 'equivalence-points': points(ruled.equivalence) })} /></div>
      <Snippet body={`client.experiments.compare(${[JSON.stringify(baselineId), JSON.stringify(candidateId), ...Object.entries(ruled).flatMap(([name, share]) => (share === undefined ? [] : [`${name}=${share}`]))].join(', ')})`} />
    </>
  )
}

function Report({ report }: { report: ComparisonReport }) {
  const lessIsBetter = report.comparisons[0]?.higher_is_better === false
  const isGain = (change: ComparisonReport['changes'][number]) => change.candidate_score > change.baseline_score !== lessIsBetter
  return (
    <>
      <DataTable
        caption={t`Paired comparison per scorer`}
        rows={report.comparisons}
        rowKey={(one) => one.scorer}
        columns={[
          { head: t`Scorer`, cell: (one) => one.scorer.replaceAll('_', ' ') },
          { head: t`Verdict`, cell: (one) => <Status state={one.verdict} /> },
          { head: t`In words`, cell: (one) => one.words, wide: true },
          { head: t`Baseline`, cell: (one) => amount(one.baseline, one.unit), numeric: true },
          { head: t`This`, cell: (one) => amount(one.candidate, one.unit), numeric: true },
          { head: t`Rows compared`, cell: rowsInWords },
          { head: t`Test`, cell: testInWords },
        ]}
      />
      {report.left_out && report.left_out.length > 0 && (
        <DataTable
          caption={t`Scorers that cannot be compared`}
          rows={report.left_out}
          rowKey={({ scorer }) => scorer}
          columns={[{ head: t`Scorer`, cell: ({ scorer }) => scorer.replaceAll('_', ' ') }, { head: t`Why it is not compared`, cell: ({ reason }) => reason, wide: true }]}
        />
      )}
      {report.only_in_one > 0 && <p className="dim">{plural(report.only_in_one, { one: '# row is scored in one of the two only, and in no comparison.', other: '# rows are scored in one of the two only, and in no comparison.' })}</p>}
      {report.changes.length > 0 && (
        <DataTable
          caption={t`Rows that changed, regressions first`}
          rows={report.changes}
          rowKey={(change) => String(change.row)}
          maxHeight="24rem"
          columns={[
            { head: t`Row`, cell: (change) => change.row, numeric: true },
            { head: t`Change`, cell: (change) => <Status state={isGain(change) ? 'better' : 'worse'} word={isGain(change) ? t`improved` : t`regressed`} /> },
            { head: t`Input`, cell: (change) => <Value value={change.input} />, wide: true },
            { head: t`Expected`, cell: (change) => <Value value={change.expected} /> },
            { head: t`Baseline said`, cell: (change) => <Value value={change.baseline_output} /> },
            { head: t`This said`, cell: (change) => <Value value={change.candidate_output} /> },
          ]}
        />
      )}
    </>
  )
}

function Rows({ experiment }: { experiment: Experiment }) {
  const { rows } = useSearch({ from: `/frame${HERE}` })
  const navigate = useNavigate()
  const wrongOnly = rows === 'wrong'
  const results = useInfiniteQuery(resultsQuery(experiment.experiment_id, wrongOnly, isUnderWay(experiment)))
  return (
    <Section
      title={t`Rows`}
      beside={
        <div className="row">
          {biasFormOf(results.data?.pages[0]?.items[0]?.metadata) !== null && <Link to="/experiments/$experimentId/bias" params={{ experimentId: experiment.experiment_id }}>{t`Bias`}</Link>}
          <Link to="/experiments/grid" search={{ ids: experiment.experiment_id }}>{t`As a grid`}</Link>
          <Checkbox
            size="xs"
            label={t`Only rows that lost points`}
            checked={wrongOnly}
            onChange={(event) => void navigate({ to: HERE, params: { experimentId: experiment.experiment_id }, search: (before) => ({ ...before, rows: event.currentTarget.checked ? 'wrong' : undefined }) })}
          />
        </div>
      }
    >
      <More query={results} counted={(num) => plural(num, { one: '# row', other: '# rows' })} empty={<Empty title={wrongOnly ? t`No row lost points` : t`No row is judged yet`} />}>
        {(shown) => (
          <DataTable
            caption={t`Judged rows of ${experiment.name}`}
            rows={shown}
            rowKey={(row) => `${row.row}.${row.repeat}`}
            columns={[
              { head: t`Input`, cell: (row) => <Value value={row.input} />, wide: true },
              { head: t`Expected`, cell: (row) => <Value value={row.expected} /> },
              { head: t`Answer`, cell: (row) => (row.error ? <span>{t`no answer: ${row.error}`}</span> : <Untrusted text={row.output ?? ''} fold={240} />) },
              { head: t`Scores`, cell: (row) => row.scores.map((score) => `${score.name.replaceAll('_', ' ')} ${score.value ?? t`not judged`}`).join(', ') },
              { head: t`Latency`, cell: (row) => duration(row.latency_ms), numeric: true },
            ]}
          />
        )}
      </More>
    </Section>
  )
}
