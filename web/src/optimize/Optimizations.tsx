/* Searches for better prompts, newest first, each with what came of it. */
import { plural, t } from '@lingui/core/macro'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Optimization } from '../api/types'
import { count } from '../format/numbers'
import { PROMPTS_TABS } from '../prompts/tabs'
import { DataTable } from '../ui/DataTable'
import { More } from '../ui/More'
import { Page } from '../ui/Page'
import { Empty } from '../ui/states'
import { Status } from '../ui/Status'
import { When } from '../ui/When'
import { optimizationsQuery } from './queries'
import { behindVerdict, methodInWords, spentInWords } from './words'

export function Optimizations() {
  const optimizations = useInfiniteQuery(optimizationsQuery)
  return (
    <Page
      title={t`Optimisations`}
      lead={t`Searches for a better version of a prompt, within a budget. What is found is held against the version it began with, on rows that the search never saw.`}
      command="treadle prompt optimizations"
      python="client.optimizations.list_()"
      tabs={PROMPTS_TABS}
    >
      <More
        query={optimizations}
        counted={(num) => plural(num, { one: '# optimisation', other: '# optimisations' })}
        empty={
          <Empty title={t`No prompt was optimised yet`} command="treadle prompt optimize PROMPT --dataset DATASET --endpoint ENDPOINT --scorer exact_match --method instructions --max-calls 500">
            {t`It takes a prompt, a dataset split into train, validation and test, an endpoint that answers, and a scorer.`}
          </Empty>
        }
      >
        {(rows) => (
          <DataTable
            caption={t`Optimisations`}
            rows={rows}
            rowKey={(one) => one.optimization_id}
            columns={[
              { head: t`Prompt`, cell: (one) => <Link to="/optimizations/$optimizationId" params={{ optimizationId: one.optimization_id }}>{`${one.request.prompt} v${one.request.version}`}</Link> },
              { head: t`How`, cell: (one) => methodInWords(one.request.method) },
              { head: t`State`, cell: (one) => <Status state={one.status} /> },
              { head: t`What came of it`, cell: (one) => <CameOf optimization={one} />, wide: true },
              { head: t`Requests`, cell: (one) => t`${count(one.calls)} of ${count(one.request.max_calls)}`, numeric: true },
              { head: t`Spent`, cell: spentInWords, numeric: true },
              { head: t`When`, cell: (one) => <When at={one.created_at} /> },
            ]}
          />
        )}
      </More>
    </Page>
  )
}

function CameOf({ optimization: { held_out, words } }: { optimization: Optimization }) {
  if (words === null) return <span className="dim">{t`nothing yet`}</span>
  return <>{held_out && <Verdict verdict={held_out.verdict} />} {behindVerdict(words)}</>
}

export function Verdict({ verdict }: { verdict: NonNullable<Optimization['held_out']>['verdict'] }) {
  return <Status state={verdict === 'better' ? 'better' : 'not_shown_to_be_better'} />
}
