/* Kept filters of every list: one's own, and those that are shared. Picking one opens its list. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { View } from '../api/types'
import { sh } from '../format/shell'
import { meQuery } from '../governance/queries'
import { Confirm } from '../ui/Confirm'
import { DataTable } from '../ui/DataTable'
import { More } from '../ui/More'
import { Page } from '../ui/Page'
import { Empty } from '../ui/states'
import { When } from '../ui/When'
import { TRACES_TABS } from '../traces/tabs'
import { LISTS, searchInWords } from './lists'
import { useForgetView, viewsQuery } from './queries'

export function ViewsPage() {
  const views = useInfiniteQuery(viewsQuery())
  const me = useQuery(meQuery).data?.actor.actor_id
  return (
    <Page title={t`Saved views`} lead={t`Filters that were kept: yours, and those that somebody shares.`} command="treadle trace views" python="client.traces.list_views()" tabs={TRACES_TABS}>
      <More
        query={views}
        counted={(num) => plural(num, { one: '# view', other: '# views' })}
        empty={<Empty title={t`No filter is kept yet`} command="treadle trace keep-view slow 'latency>2s age<24h' --shared">
            <Trans>Filter the <Link to="/traces" search={{}}>traces</Link>, or any other list, then keep what you see as a view.</Trans>
          </Empty>}
      >
        {(rows) => (
          <DataTable
            caption={t`Saved views`}
            rows={rows}
            rowKey={(view) => `${view.owner_id} ${view.name}`}
            columns={[
              { head: t`Name`, cell: (view) => <Opened view={view} /> },
              { head: t`Filter`, cell: (view) => (view.q || Object.keys(view.search ?? {}).length > 0 ? <code className="untrusted">{view.q || searchInWords(view.search ?? {})}</code> : <span className="dim">{t`all`}</span>), wide: true },
              { head: t`Of`, cell: (view) => (view.subject === 'span' ? t`spans` : (LISTS[view.subject ?? 'trace']?.words ?? t`traces`)) },
              { head: t`Columns`, cell: (view) => (view.columns?.length ? view.columns.join(', ') : <span className="dim">{t`the usual ones`}</span>) },
              { head: t`Seen by`, cell: (view) => (view.is_shared ? t`everybody` : t`you`) },
              { head: t`Changed`, cell: (view) => <When at={view.updated_at} /> },
              { head: t`Forget`, cell: (view) => (view.owner_id === me ? <Forget view={view} /> : <span className="dim">{t`somebody else’s`}</span>) },
            ]}
          />
        )}
      </More>
    </Page>
  )
}

function Opened({ view }: { view: View }) {
  if (view.subject === 'span') return view.name
  const list = LISTS[view.subject ?? 'trace']
  return list ? <Link to={list.to} search={view.search ?? {}}>{view.name}</Link> : <Link to="/traces" search={{ view: view.name }}>{view.name}</Link>
}

function Forget({ view }: { view: View }) {
  const forget = useForgetView(view.name)
  return (
    <Confirm
      title={t`Forget ${view.name}?`}
      words={view.is_shared ? t`Nobody sees it any more; links to it stop working.` : t`Links to it stop working.`}
      command={sh`treadle trace remove-view ${view.name}`}
      confirm={t`Forget it`}
      danger
      run={() => forget.mutateAsync()}
    >
      {(open) => <Button size="compact-xs" variant="subtle" onClick={open}><Trans>Forget<span className="hidden-visually"> {view.name}</span></Trans></Button>}
    </Confirm>
  )
}
