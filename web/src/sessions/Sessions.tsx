/* The list of sessions: conversations as applications name them. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { withArguments, withOptions } from '../format/shell'
import { FirstTrace } from '../traces/FirstTrace'
import { Filters, FilterText } from '../ui/Filter'
import { More } from '../ui/More'
import { Page } from '../ui/Page'
import { Empty } from '../ui/states'
import { Parties } from './Parties'
import { sessionsQuery } from './queries'

export function Sessions() {
  const filter = useSearch({ from: '/frame/sessions' })
  const navigate = useNavigate()
  const sessions = useInfiniteQuery(sessionsQuery(filter))
  return (
    <Page title={t`Sessions`} lead={t`Conversations, as applications name them; those that were seen last first.`} command={withOptions('treadle trace sessions', { search: filter.q })} python={withArguments('client.traces.list_sessions', filter)}>
      <Filters label={t`Filter sessions`} clear={filter.q !== undefined && <Link to="/sessions" search={{}}>{t`Clear`}</Link>}>
        <FilterText label={t`Name`} value={filter.q ?? ''} onApply={(q) => void navigate({ to: '/sessions', search: { q: q || undefined } })} />
      </Filters>
      <More
        query={sessions}
        counted={(num) => plural(num, { one: '# session', other: '# sessions' })}
        empty={filter.q !== undefined ? <Empty title={t`No session matches`}><Link to="/sessions" search={{}}>{t`Show all sessions`}</Link></Empty> : <FirstTrace title={t`No session yet`} isSeen={sessions.refetch}><Trans>Traces that name a <code>session_id</code> are joined here into one conversation.</Trans></FirstTrace>}
      >
        {(rows) => <Parties rows={rows} of="session" />}
      </More>
    </Page>
  )
}
