/* The list of surveys. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { count, percent } from '../format/numbers'
import { useMay } from '../governance/queries'
import { QUEUES_TABS } from '../queues/tabs'
import { DataTable } from '../ui/DataTable'
import { More } from '../ui/More'
import { Page } from '../ui/Page'
import { Empty } from '../ui/states'
import { Status } from '../ui/Status'
import { When } from '../ui/When'
import { surveysQuery } from './queries'
import { SurveyForm } from './SurveyForm'

export function Surveys() {
  const surveys = useInfiniteQuery(surveysQuery)
  const may = useMay('queues.write')
  return (
    <Page
      title={t`Surveys`}
      lead={t`Short questionnaires that the users of an endpoint get after a session; what they say is told for each release.`}
      actions={may && <SurveyForm />}
      command="treadle survey list"
      python="client.surveys.list_()"
      tabs={QUEUES_TABS}
    >
      <More
        query={surveys}
        counted={(num) => plural(num, { one: '# survey', other: '# surveys' })}
        empty={<Empty title={t`No survey yet`} command="treadle survey put nps --endpoint support --field recommend:number:0-10"><Trans>A page of your application shows it with a publishable key; see <code>docs/feedback.md</code>.</Trans></Empty>}
      >
        {(rows) => (
          <DataTable
            caption={t`Surveys`}
            rows={rows}
            rowKey={(survey) => survey.survey_id}
            columns={[
              { head: t`State`, cell: (survey) => (survey.is_open ? <Status state="ok" word={t`Open`} /> : <Status state="off" word={t`Closed`} />) },
              { head: t`Name`, cell: ({ name }) => <Link to="/surveys/$name" params={{ name }}>{name}</Link> },
              { head: t`What people see above it`, cell: (survey) => survey.title || <span className="dim">{t`nothing`}</span>, wide: true },
              { head: t`Endpoint`, cell: (survey) => survey.endpoint ?? t`all` },
              { head: t`Asks`, cell: (survey) => t`${percent(survey.share ?? 1, 0)} of sessions` },
              { head: t`Answers`, cell: (survey) => count(survey.num_answers), numeric: true },
              { head: t`Made`, cell: (survey) => <When at={survey.created_at} /> },
            ]}
          />
        )}
      </More>
    </Page>
  )
}
