/* The list of turns: each is one pipeline through the whole loop, with its steps behind it. */
import { plural, t } from '@lingui/core/macro'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useMay } from '../governance/queries'
import { RetryRun } from '../jobs/RetryRun'
import { RunsTable } from '../jobs/RunsTable'
import { More } from '../ui/More'
import { Page } from '../ui/Page'
import { Empty } from '../ui/states'
import { turnsQuery } from './queries'
import { StartTurn } from './StartTurn'
import { PIPELINES_TABS } from './tabs'

export function Pipelines() {
  const turns = useInfiniteQuery(turnsQuery)
  const may = useMay('jobs.write')
  return (
    <Page title={t`Pipelines`} lead={t`Durable work through the whole loop. A turn that stopped goes on where it had stopped.`} actions={may && <StartTurn />} command="treadle turn list" python="client.turns.list_()" tabs={PIPELINES_TABS}>
      <More
        query={turns}
        counted={(num) => plural(num, { one: '# turn', other: '# turns' })}
        empty={<Empty title={t`No turn yet`} command="treadle demo">{t`A turn imports data, trains a model, proves that it is better, serves it, rolls it out and brings what people said back as data.`}</Empty>}
      >
        {(rows) => <RunsTable caption={t`Turns`} rows={rows} act={(run) => <RetryRun run={run} size="compact-xs" />} />}
      </More>
    </Page>
  )
}
