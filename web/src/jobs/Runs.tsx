/* The list of runs: every piece of work, newest first, by kind where one is chosen. */
import { plural, t } from '@lingui/core/macro'
import { Button } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { sh } from '../format/shell'
import { More } from '../ui/More'
import { Page } from '../ui/Page'
import { Empty } from '../ui/states'
import { FilterText } from '../ui/Filter'
import { useTicked } from '../ui/useTicked'
import { MOST_COMPARED } from './compared'
import { runsQuery } from './queries'
import { RunsTable } from './RunsTable'

export function Runs() {
  const { kind } = useSearch({ from: '/frame/runs' })
  const navigate = useNavigate()
  const runs = useInfiniteQuery(runsQuery({ kind }))
  const [ticked, toggle] = useTicked()
  const chosen = new Set(ticked)
  const canCompare = chosen.size >= 2 && chosen.size <= MOST_COMPARED
  return (
    <Page
      title={t`Runs`}
      lead={t`Every piece of work that made something: its inputs, outputs, duration and log.`}
      python={kind ? `client.runs.list_(kind=${JSON.stringify(kind)})` : 'client.runs.list_()'}
      command={kind ? sh`treadle run list --kind ${kind}` : 'treadle run list'}
    >
      <div className="spread" style={{ alignItems: 'flex-end' }}>
        <FilterText label={t`Kind`} placeholder={t`such as training.finetune`} value={kind ?? ''} onApply={(value) => void navigate({ to: '/runs', search: (before) => ({ ...before, kind: value || undefined }) })} />
        <div className="row">
          <span className="dim" role="status">{chosen.size === 0 ? t`Tick 2 to ${MOST_COMPARED} runs to compare them.` : chosen.size > MOST_COMPARED ? t`${chosen.size} chosen; at most ${MOST_COMPARED} stand side by side` : t`${chosen.size} chosen`}</span>
          <Button size="xs" variant="default" disabled={!canCompare} onClick={() => void navigate({ to: '/runs/compare', search: { runs: [...chosen].join(',') } })}>{t`Compare`}</Button>
        </div>
      </div>
      <More
        query={runs}
        counted={(num) => plural(num, { one: '# run', other: '# runs' })}
        empty={kind ? (
            <Empty title={t`No run of the kind “${kind}”`}><Link to="/runs" search={{}}>{t`Show runs of every kind`}</Link></Empty>
          ) : (
            <Empty title={t`No run yet`} command="treadle demo">{t`One turn makes the first dozen.`}</Empty>
          )}
      >
        {(rows) => <RunsTable caption={t`Runs`} rows={rows} chosen={chosen} toggle={toggle} />}
      </More>
    </Page>
  )
}
