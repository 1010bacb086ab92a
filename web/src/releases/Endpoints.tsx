/* The list of endpoints: each name that an application calls, and what stands behind it. */
import { plural, t } from '@lingui/core/macro'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { withArguments, withOptions } from '../format/shell'
import { DataTable } from '../ui/DataTable'
import { Filters, FilterText } from '../ui/Filter'
import { More } from '../ui/More'
import { Page } from '../ui/Page'
import { Empty } from '../ui/states'
import { Status, Tag } from '../ui/Status'
import { When } from '../ui/When'
import { endpointsFound, needAttentionQuery } from './queries'
import { ReleaseLink } from './ReleaseLink'

export function Endpoints() {
  const filter = useSearch({ from: '/frame/endpoints' })
  const navigate = useNavigate()
  const endpoints = useInfiniteQuery(endpointsFound(filter))
  const { data: attention } = useQuery(needAttentionQuery)
  const waiting = new Set(attention?.items.map((rollout) => rollout.rollout_id))
  const set = (part: typeof filter): void => void navigate({ to: '/endpoints', search: { ...filter, ...part } })
  const filtered = filter.q !== undefined
  return (
    <Page title={t`Endpoints`} lead={t`The names that applications call, and the release behind each.`} command={withOptions('treadle endpoint list', { search: filter.q })} python={withArguments('client.endpoints.list_', filter)}>
      <Filters label={t`Filter endpoints`} clear={filtered && <Link to="/endpoints" search={{}}>{t`Clear`}</Link>}>
        <FilterText label={t`Name`} value={filter.q ?? ''} onApply={(q) => set({ q: q || undefined })} />
      </Filters>
      <More
        query={endpoints}
        counted={(num) => plural(num, { one: '# endpoint', other: '# endpoints' })}
        empty={filtered ? <Empty title={t`No endpoint matches`}><Link to="/endpoints" search={{}}>{t`Show all endpoints`}</Link></Empty> : <Empty title={t`No endpoint yet`} command="treadle demo">
            {t`An endpoint gives an approved release a name that applications call. One turn makes the first.`}
          </Empty>}
      >
        {(rows) => (
          <DataTable
            caption={t`Endpoints`}
            rows={rows}
            rowKey={(endpoint) => endpoint.endpoint_id}
            columns={[
              { head: t`Name`, cell: ({ name }) => <Link to="/endpoints/$name" params={{ name }}>{name}</Link> },
              { head: t`Release`, cell: (endpoint) => <ReleaseLink releaseId={endpoint.stable_release_id} none={t`nothing yet`} /> },
              { head: t`Environment`, cell: (endpoint) => endpoint.environment },
              {
                head: t`Rollout`,
                cell: ({ rollout_id }) =>
                  rollout_id ? <Link to="/rollouts/$rolloutId" params={{ rolloutId: rollout_id }}>{waiting.has(rollout_id) ? <Tag tone="warn">{t`needs attention`}</Tag> : <Tag tone="live">{t`under way`}</Tag>}</Link> : <span className="dim">{t`none under way`}</span>,
              },
              { head: t`State`, cell: (endpoint) => (endpoint.disabled != null ? <Status state="failed" word={t`Switched off`} /> : endpoint.problem ? <Status state="failed" word={t`Problem`} /> : endpoint.stable_release_id ? <Status state="ok" word={t`Serving`} /> : <Status state="pending" />) },
              { head: t`Changed`, cell: (endpoint) => <When at={endpoint.changed_at} /> },
            ]}
          />
        )}
      </More>
    </Page>
  )
}
