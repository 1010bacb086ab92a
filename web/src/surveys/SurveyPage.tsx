/* One survey: what each question came to for each release, with intervals, and what single sessions said. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import type { Survey, SurveyResult } from '../api/types'
import { count, measure, percent } from '../format/numbers'
import { sh } from '../format/shell'
import { useMay } from '../governance/queries'
import { ReleaseLink } from '../releases/ReleaseLink'
import { DataTable } from '../ui/DataTable'
import { Facts } from '../ui/Facts'
import { More } from '../ui/More'
import { Page, Section } from '../ui/Page'
import { Answer, Empty } from '../ui/states'
import { Status } from '../ui/Status'
import { Value } from '../ui/text'
import { When } from '../ui/When'
import { answersQuery, resultsQuery, surveyQuery } from './queries'
import { SurveyForm } from './SurveyForm'

export function SurveyPage() {
  const { name } = useParams({ from: '/frame/surveys/$name' })
  const survey = useQuery(surveyQuery(name))
  const may = useMay('queues.write')
  return (
    <Page
      title={name}
      crumbs={[{ label: t`Surveys`, to: '/surveys' }]}
      beside={survey.data && (survey.data.is_open ? <Status state="ok" word={t`Open`} /> : <Status state="off" word={t`Closed`} />)}
      actions={may && survey.data && <SurveyForm survey={survey.data} />}
      lead={survey.data?.title || undefined}
      command={sh`treadle survey results ${name}`}
      python={`client.surveys.get_results(${JSON.stringify(name)})`}
    >
      <Answer query={survey} what={t`the survey`}>{(data) => <SurveyView survey={data} />}</Answer>
    </Page>
  )
}

function SurveyView({ survey }: { survey: Survey }) {
  const results = useQuery(resultsQuery(survey.name))
  const answers = useInfiniteQuery(answersQuery(survey.name))
  return (
    <>
      <Facts
        facts={[
          [t`Endpoint`, survey.endpoint == null ? t`all` : <Link key="endpoint" to="/endpoints/$name" params={{ name: survey.endpoint }}>{survey.endpoint}</Link>],
          [t`Asks`, t`${percent(survey.share ?? 1, 0)} of its sessions`],
          [t`Answers`, count(survey.num_answers)],
          [t`Made`, <When key="made" at={survey.created_at} />],
        ]}
      />
      <Section title={t`What it came to`}>
        <Answer query={results} what={t`results`}>
          {(rows) => (
            <DataTable
              caption={t`Results for each release`}
              none={t`Nobody has answered yet`}
              rows={rows}
              rowKey={(row) => `${row.name} ${row.release_id}`}
              columns={[
                { head: t`Question`, cell: (row) => survey.fields.find(({ name }) => name === row.name)?.question || row.name, wide: true },
                { head: t`Release`, cell: (row) => (row.release_id ? <ReleaseLink releaseId={row.release_id} /> : <span className="dim">{t`none`}</span>) },
                { head: t`Answers`, cell: (row) => count(row.num_answers), numeric: true },
                { head: t`Said (95 % interval)`, cell: (row) => <Said result={row} /> },
              ]}
            />
          )}
        </Answer>
      </Section>
      <Section title={t`Single answers`}>
        <More query={answers} counted={(num) => plural(num, { one: '# answer', other: '# answers' })} empty={<Empty title={t`Nobody has answered yet`}><Trans>A page shows it with a publishable key of its endpoint; see <code>docs/feedback.md</code>.</Trans></Empty>}>
          {(rows) => (
            <DataTable
              caption={t`Answers`}
              rows={rows}
              rowKey={(row) => row.session_id}
              columns={[
                { head: t`When`, cell: (row) => <When at={row.created_at} /> },
                { head: t`Session`, cell: (row) => <Link to="/sessions/$name" params={{ name: row.session_id }}><span className="untrusted">{row.session_id}</span></Link> },
                ...survey.fields.map((field) => ({ head: field.question || field.name, cell: (row: (typeof rows)[number]) => <Value value={sayAnswer(row.answers[field.name])} /> })),
              ]}
            />
          )}
        </More>
      </Section>
    </>
  )
}

function sayAnswer(value: unknown): unknown {
  return value === true ? t`yes` : value === false ? t`no` : value
}

function Said({ result }: { result: SurveyResult }) {
  if (result.mean != null) return <>{measure(result.mean)} {result.low == null || result.high == null ? <span className="dim">{t`(too few for an interval)`}</span> : t`(${measure(result.low)} to ${measure(result.high)})`}</>
  const shares = result.shares ?? []
  if (shares.length === 0) return <span className="dim">{t`words: see below`}</span>
  return (
    <ul style={{ margin: 0, paddingInlineStart: '1rem' }}>
      {shares.map((share) => <li key={share.label}>{t`${share.label}: ${percent(share.share, 0)} (${percent(share.low, 0)} to ${percent(share.high, 0)})`}</li>)}
    </ul>
  )
}
