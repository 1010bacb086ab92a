/* The list of the applications' end users. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { withArguments, withOptions } from '../format/shell'
import { Parties } from '../sessions/Parties'
import { FirstTrace } from '../traces/FirstTrace'
import { Filters, FilterText } from '../ui/Filter'
import { More } from '../ui/More'
import { Page } from '../ui/Page'
import { Empty } from '../ui/states'
import { usersQuery } from './queries'

export function Users() {
  const filter = useSearch({ from: '/frame/users' })
  const navigate = useNavigate()
  const users = useInfiniteQuery(usersQuery(filter))
  return (
    <Page title={t`Users`} lead={t`The end users of your applications, by the names these give them; those that were seen last first.`} command={withOptions('treadle trace users', { search: filter.q })} python={withArguments('client.traces.list_users', filter)}>
      <Filters label={t`Filter users`} clear={filter.q !== undefined && <Link to="/users" search={{}}>{t`Clear`}</Link>}>
        <FilterText label={t`Name`} value={filter.q ?? ''} onApply={(q) => void navigate({ to: '/users', search: { q: q || undefined } })} />
      </Filters>
      <More
        query={users}
        counted={(num) => plural(num, { one: '# user', other: '# users' })}
        empty={filter.q !== undefined ? <Empty title={t`No user matches`}><Link to="/users" search={{}}>{t`Show all users`}</Link></Empty> : <FirstTrace title={t`No user yet`} isSeen={users.refetch}><Trans>Traces that name a <code>user_id</code> are joined here, with what they cost and how they were judged.</Trans></FirstTrace>}
      >
        {(rows) => <Parties rows={rows} of="user" />}
      </More>
    </Page>
  )
}
