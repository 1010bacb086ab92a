/* Every rollout of the project, newest first: what moves, where it stands in words, and what waits for a person. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Checkbox, NativeSelect } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { percent } from '../format/numbers'
import { withOptions } from '../format/shell'
import { DataTable } from '../ui/DataTable'
import { FilterText } from '../ui/Filter'
import { More } from '../ui/More'
import { Page } from '../ui/Page'
import { Empty } from '../ui/states'
import { lookOf } from '../ui/Status'
import { Took, When } from '../ui/When'
import { RolloutState } from './Attention'
import { allRolloutsQuery, isMoving, ROLLOUT_STATES } from './queries'
import { Tried } from './Tried'

export function Rollouts() {
  const filter = useSearch({ from: '/frame/rollouts' })
  const navigate = useNavigate()
  const rollouts = useInfiniteQuery(allRolloutsQuery(filter))
  const filtered = filter.endpoint !== undefined || filter.waiting !== undefined || filter.status !== undefined
  const set = (part: typeof filter): void => void navigate({ to: '/rollouts', search: { ...filter, ...part } })
  const command = withOptions(filter.waiting === undefined ? 'treadle rollout list' : 'treadle rollout list --needs-attention', { endpoint: filter.endpoint, status: filter.status })
  return (
    <Page title={t`Rollouts`} lead={t`Traffic on its way from one release to another. Statistics that may be looked at at any time promote it or take it back.`} command={command} python="client.rollouts.list_()">
      <div className="row" style={{ alignItems: 'flex-end' }} role="search" aria-label={t`Filter rollouts`}>
        <FilterText label={t`Endpoint`} value={filter.endpoint ?? ''} onApply={(endpoint) => set({ endpoint: endpoint || undefined })} />
        <NativeSelect label={t`State`} size="xs" value={filter.status ?? ''} onChange={(event) => set({ status: ROLLOUT_STATES.find((known) => known === event.currentTarget.value) })} data={[{ value: '', label: t`Any` }, ...ROLLOUT_STATES.map((state) => ({ value: state, label: lookOf(state).word }))]} />
        <Checkbox label={t`Only what waits for a person`} checked={filter.waiting !== undefined} onChange={(event) => set({ waiting: event.currentTarget.checked ? 'yes' : undefined })} mb={6} />
        {filtered && <Link to="/rollouts" search={{}}>{t`Clear`}</Link>}
      </div>
      <More
        query={rollouts}
        counted={(num) => plural(num, { one: '# rollout', other: '# rollouts' })}
        empty={filtered ? (
            <Empty title={filter.waiting ? t`No rollout waits for a person` : t`No rollout matches`}><Link to="/rollouts" search={{}}>{t`Show all rollouts`}</Link></Empty>
          ) : (
            <Empty title={t`No rollout yet`} command="treadle rollout start ENDPOINT RELEASE">{t`A rollout moves an endpoint’s traffic to a new release step by step, and takes it back if the evidence says so.`}</Empty>
          )}
      >
        {(rows) => (
          <DataTable
            caption={t`Rollouts`}
            rows={rows}
            rowKey={(rollout) => rollout.rollout_id}
            columns={[
              { head: t`State`, cell: (rollout) => <RolloutState rollout={rollout} /> },
              { head: t`Endpoint`, cell: ({ endpoint }) => <Link to="/endpoints/$name" params={{ name: endpoint }}>{endpoint}</Link> },
              { head: t`Tries`, cell: (rollout) => <Tried rollout={rollout} /> },
              { head: t`In words`, cell: (rollout) => rollout.needs_attention ?? rollout.reason ?? rollout.words, wide: true },
              { head: t`Traffic`, cell: (rollout) => percent(rollout.weight, 0), numeric: true },
              { head: t`Took`, cell: (rollout) => <Took from={rollout.started_at} to={rollout.ended_at} running={isMoving(rollout)} />, numeric: true },
              { head: t`Asked for`, cell: (rollout) => <When at={rollout.created_at} /> },
              { head: t`Details`, cell: ({ rollout_id, endpoint }) => <Link to="/rollouts/$rolloutId" params={{ rolloutId: rollout_id }}><Trans>Evidence<span className="hidden-visually"> of the rollout {rollout_id} on {endpoint}</span></Trans></Link> },
            ]}
          />
        )}
      </More>
    </Page>
  )
}
