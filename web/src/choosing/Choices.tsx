/* Choices of a model, newest first, each with whom it recommends. */
import { plural, t } from '@lingui/core/macro'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { count, usd } from '../format/numbers'
import { MODELS_TABS } from '../models/tabs'
import { DataTable } from '../ui/DataTable'
import { More } from '../ui/More'
import { Page } from '../ui/Page'
import { Empty } from '../ui/states'
import { Status } from '../ui/Status'
import { When } from '../ui/When'
import { choicesQuery } from './queries'

export function Choices() {
  const choices = useInfiniteQuery(choicesQuery)
  return (
    <Page
      title={t`Choices of a model`}
      lead={t`Models that meet your requirements, tried on your own rows: quality, cost and speed with their intervals, and whom that recommends.`}
      command="treadle model choices"
      python="client.choices.list_()"
      tabs={MODELS_TABS}
    >
      <More
        query={choices}
        counted={(num) => plural(num, { one: '# choice', other: '# choices' })}
        empty={
          <Empty title={t`No model was chosen yet`} command="treadle model choose --dataset DATASET --scorer exact_match --max-usd-per-thousand 0.50 --budget-usd 2 --dry-run">
            {t`It leaves out who does not meet the requirements before a single request; with --dry-run it only says what it would ask and cost.`}
          </Empty>
        }
      >
        {(rows) => (
          <DataTable
            caption={t`Choices of a model`}
            rows={rows}
            rowKey={({ choice_id }) => choice_id}
            columns={[
              { head: t`Rows`, cell: ({ choice_id, request }) => <Link to="/choices/$choiceId" params={{ choiceId: choice_id }}>{request.part == null ? request.dataset : `${request.dataset}, ${request.part}`}</Link> },
              { head: t`State`, cell: ({ status }) => <Status state={status} /> },
              { head: t`Recommended`, cell: ({ outcome }) => outcome?.recommended ?? <span className="dim">{outcome === null ? t`nobody yet` : t`nobody`}</span>, wide: true },
              { head: t`Models tried`, cell: ({ outcome, plan }) => count((outcome?.tried ?? plan.models).length), numeric: true },
              { head: t`Left out`, cell: ({ plan }) => count(plan.excluded.length), numeric: true },
              { head: t`Spent`, cell: ({ outcome }) => (outcome === null ? '' : usd(outcome.spent_usd)), numeric: true },
              { head: t`When`, cell: ({ created_at }) => <When at={created_at} /> },
            ]}
          />
        )}
      </More>
    </Page>
  )
}
