/* Whether an experiment's answers depend on whom a text speaks of, or what it comes to on a published benchmark of stereotypes. */
import { plural, t } from '@lingui/core/macro'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import type { BiasReport, StereotypeReport } from '../api/types'
import { count, measure, percent } from '../format/numbers'
import { sh } from '../format/shell'
import { DataTable } from '../ui/DataTable'
import { Page, Panel, Section } from '../ui/Page'
import { Answer, Empty } from '../ui/states'
import { Status, Tag } from '../ui/Status'
import { Json } from '../ui/text'
import { biasFormOf, type BiasForm } from './bias'
import { biasQuery, experimentQuery, isUnderWay, resultsQuery, stereotypesQuery } from './queries'
import { amount } from './words'

export function BiasPage() {
  const { experimentId } = useParams({ from: '/frame/experiments/$experimentId/bias' })
  const experiment = useQuery(experimentQuery(experimentId))
  const results = useInfiniteQuery({ ...resultsQuery(experimentId, false, false), enabled: experiment.data !== undefined && !isUnderWay(experiment.data) })
  const form = biasFormOf(results.data?.pages[0]?.items[0]?.metadata)
  const isBenchmark = form !== null && form !== 'counterfactuals'
  return (
    <Page
      title={t`Bias`}
      crumbs={[{ label: t`Experiments`, to: '/experiments' }, { label: experiment.data?.name ?? t`Experiment`, to: `/experiments/${encodeURIComponent(experimentId)}` }]}
      lead={isBenchmark ? t`The figures of a published benchmark of stereotypes, as its paper defines them.` : t`The same text with another group of people in it: do the answers differ? Every comparison is paired, and p-values are corrected for all of them.`}
      command={isBenchmark ? sh`treadle bias stereotypes ${experimentId}` : sh`treadle bias show ${experimentId}`}
      python={`client.bias.${isBenchmark ? 'get_stereotypes' : 'get_report'}(${JSON.stringify(experimentId)})`}
    >
      <Answer query={experiment} what={t`the experiment`}>
        {(data) => (data.status !== 'succeeded' ? <Empty title={t`The experiment has not succeeded`}>{t`What its answers differ in is told when every row is judged.`}</Empty> : <Answer query={results} what={t`its rows`}>{() => <Found experimentId={experimentId} datasetVersionId={data.dataset_version_id} form={form} />}</Answer>)}
      </Answer>
    </Page>
  )
}

function Found({ experimentId, datasetVersionId, form }: { experimentId: string; datasetVersionId: string; form: BiasForm | null }) {
  const bias = useQuery({ ...biasQuery(experimentId), enabled: form === 'counterfactuals' })
  const stereotypes = useQuery({ ...stereotypesQuery(experimentId), enabled: form === 'bbq' || form === 'crows_pairs' })
  if (form === null)
    return <Empty title={t`Its rows do not measure bias`} command={sh`treadle bias make NAME --dataset ${datasetVersionId}`}>{t`Rows that differ only in the group that they speak of are made of a dataset version; an experiment over those is compared here.`}</Empty>
  if (form === 'counterfactuals') return <Answer query={bias} what={t`what the answers differ in`}>{(report) => <Bias report={report} />}</Answer>
  return <Answer query={stereotypes} what={t`the benchmark’s figures`}>{(report) => <Stereotypes report={report} />}</Answer>
}

const VERDICTS: Record<BiasReport['comparisons'][number]['verdict'], { state: string; word: string }> = {
  differs: { state: 'bad', word: t`differs` },
  'not shown to differ': { state: 'unset', word: t`not shown to differ` },
  'too few sets': { state: 'no_data', word: t`too few sets` },
}

function Bias({ report }: { report: BiasReport }) {
  return (
    <>
      <Section title={t`What is shown`}>
        <Panel>
          <p>{report.words}</p>
          <p className="dim">{plural(report.tests, { one: `# comparison; the chance that anything is called different where nothing is stays below ${percent(report.alpha, 0)}.`, other: `# comparisons; the chance that anything is called different where nothing is stays below ${percent(report.alpha, 0)} for all together.` })}</p>
        </Panel>
        <DataTable
          caption={t`Groups against the others, by scorer`}
          rows={report.comparisons}
          rowKey={(one) => `${one.attribute} ${one.group} ${one.against} ${one.scorer}`}
          maxHeight="30rem"
          columns={[
            { head: t`Attribute`, cell: ({ attribute }) => attribute.replaceAll('_', ' ') },
            { head: t`Group`, cell: ({ group, against }) => t`${group} against ${against}` },
            { head: t`Scorer`, cell: ({ scorer }) => scorer.replaceAll('_', ' ') },
            { head: t`Verdict`, cell: ({ verdict }) => <Status {...VERDICTS[verdict]} /> },
            { head: t`Mean, of the others`, cell: ({ mean, others, unit }) => `${amount(mean, unit)}, ${amount(others, unit)}`, numeric: true },
            { head: t`Difference (interval)`, cell: ({ difference, low, high, unit }) => (low === null || high === null ? amount(difference, unit) : t`${amount(difference, unit)} (${amount(low, unit)} to ${amount(high, unit)})`), numeric: true },
            { head: t`p, corrected`, cell: (one) => measure(one.p_adjusted), numeric: true },
            { head: t`Could have shown`, cell: ({ detectable, unit }) => (detectable === null ? <span className="dim">{t`unknown`}</span> : amount(detectable, unit)), numeric: true },
            { head: t`Sets`, cell: ({ sets }) => count(sets), numeric: true },
          ]}
        />
      </Section>
      <Section title={t`What was asked`}>
        <DataTable
          caption={t`Sets of texts by attribute`}
          rows={report.covers}
          rowKey={({ attribute }) => attribute}
          columns={[
            { head: t`Attribute`, cell: ({ attribute }) => attribute.replaceAll('_', ' ') },
            { head: t`Groups`, cell: ({ groups }) => groups.join(', '), wide: true },
            { head: t`Sets`, cell: ({ sets }) => count(sets), numeric: true },
            { head: t`Answers that were not all the same (95 % interval)`, cell: ({ changed, sets, low, high }) => (sets === 0 ? '' : t`${percent(changed / sets)} (${percent(low)} to ${percent(high)})`), numeric: true },
          ]}
        />
        {Object.keys(report.left_out).length > 0 && <details><summary>{t`Rows that no text was made of`}</summary><Json value={report.left_out} label={t`rows that no text was made of`} /></details>}
      </Section>
      <NotMeasured what={report.not_measured} />
    </>
  )
}

function Stereotypes({ report }: { report: StereotypeReport }) {
  return (
    <>
      <Section title={t`What is shown`} beside={<Tag>{report.form === 'bbq' ? 'BBQ' : 'CrowS-Pairs'}</Tag>}>
        <Panel><p>{report.words}</p></Panel>
        <DataTable
          caption={t`Figures of the benchmark`}
          rows={report.figures}
          rowKey={({ name, category }) => `${name} ${category ?? ''}`}
          maxHeight="30rem"
          columns={[
            { head: t`Figure`, cell: ({ name }) => name.replaceAll('_', ' ') },
            { head: t`Category`, cell: ({ category }) => category ?? t`all`, wide: true },
            { head: t`Value`, cell: ({ value }) => (value === null ? <span className="dim">{t`no row bears on it`}</span> : measure(value)), numeric: true },
            { head: t`95 % interval`, cell: ({ low, high }) => (low === null || high === null ? <span className="dim">{t`too few rows`}</span> : t`${measure(low)} to ${measure(high)}`), numeric: true },
            { head: t`Rows`, cell: ({ rows }) => count(rows), numeric: true },
          ]}
        />
        <p className="dim">{[plural(report.unreadable, { one: '# answer could not be read and is in no figure.', other: '# answers could not be read and are in no figure.' }), report.unplaced > 0 && plural(report.unplaced, { one: '# row does not say which answer is the stereotype.', other: '# rows do not say which answer is the stereotype.' }), t`Formulas: ${report.source}`].filter(Boolean).join(' ')}</p>
      </Section>
      <NotMeasured what={report.not_measured} />
    </>
  )
}

function NotMeasured({ what }: { what: readonly string[] }) {
  if (what.length === 0) return null
  return (
    <Section title={t`What this says nothing of`}>
      <ul>{what.map((one) => <li key={one}>{one}</li>)}</ul>
    </Section>
  )
}
