/* What harnesses of others found, such as lm-evaluation-harness: runs, newest first. */
import { plural, t } from '@lingui/core/macro'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { count } from '../format/numbers'
import { withArguments, withOptions } from '../format/shell'
import { ModelLink } from '../models/ModelLink'
import { DataTable } from '../ui/DataTable'
import { Filters, FilterText } from '../ui/Filter'
import { More } from '../ui/More'
import { Page } from '../ui/Page'
import { Empty } from '../ui/states'
import { When } from '../ui/When'
import { harnessRunsQuery } from './queries'
import { EXPERIMENTS_TABS } from './tabs'

export function HarnessRuns() {
  const filter = useSearch({ from: '/frame/harness-runs' })
  const navigate = useNavigate()
  const runs = useInfiniteQuery(harnessRunsQuery(filter.endpoint))
  return (
    <Page
      title={t`Harness runs`}
      lead={t`Published benchmarks as somebody else’s harness asks and judges them, of your own endpoints. The figures stand on the model version’s card too.`}
      command={withOptions('treadle eval harness-runs', filter)}
      python={withArguments('client.experiments.list_harness_runs', filter)}
      tabs={EXPERIMENTS_TABS}
    >
      <Filters label={t`Filter runs of harnesses`} clear={filter.endpoint !== undefined && <Link to="/harness-runs" search={{}}>{t`Clear`}</Link>}>
        <FilterText label={t`Endpoint`} value={filter.endpoint ?? ''} onApply={(endpoint) => void navigate({ to: '/harness-runs', search: { endpoint: endpoint || undefined } })} />
      </Filters>
      <More
        query={runs}
        counted={(num) => plural(num, { one: '# run', other: '# runs' })}
        empty={
          filter.endpoint !== undefined ? (
            <Empty title={t`No run is of this endpoint`}><Link to="/harness-runs" search={{}}>{t`Show all runs`}</Link></Empty>
          ) : (
            <Empty title={t`No harness was run yet`} command="treadle eval harness --endpoint ENDPOINT --task gsm8k --program lm-eval/bin/lm_eval --limit 100">
              {t`lm-evaluation-harness asks an endpoint the questions of a published benchmark, and what it finds is kept here.`}
            </Empty>
          )
        }
      >
        {(rows) => (
          <DataTable
            caption={t`Runs of harnesses`}
            rows={rows}
            rowKey={({ harness_run_id }) => harness_run_id}
            columns={[
              { head: t`Harness`, cell: ({ harness_run_id, harness }) => <Link to="/harness-runs/$harnessRunId" params={{ harnessRunId: harness_run_id }}>{harness}</Link>, wide: true },
              { head: t`Endpoint`, cell: ({ endpoint }) => <Link to="/endpoints/$name" params={{ name: endpoint }}>{endpoint}</Link> },
              { head: t`Model`, cell: ({ model_version_id }) => <ModelLink modelVersionId={model_version_id} /> },
              { head: t`Tasks`, cell: ({ figures }) => [...new Set(figures.map(({ task }) => task))].slice(0, 5).join(', ') },
              { head: t`Figures`, cell: ({ figures }) => count(figures.length), numeric: true },
              { head: t`When`, cell: ({ created_at }) => <When at={created_at} /> },
            ]}
          />
        )}
      </More>
    </Page>
  )
}
