/* The last day at a glance, where there is traffic and no turn: where the loop stands, what came and what it cost. */
import { plural, t } from '@lingui/core/macro'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Trace, Watched } from '../api/types'
import { chartQuery } from '../dashboards/queries'
import { count, percent, usd } from '../format/numbers'
import { alertsQuery } from '../monitoring/queries'
import { queuesQuery } from '../queues/queries'
import { TracesTable } from '../traces/TracesTable'
import { Facts } from '../ui/Facts'
import { Section } from '../ui/Page'
import { Status } from '../ui/Status'
import { Standing } from './Standing'

const NEWEST = 5
const DAY = 'age<24h'

export function Today({ newest }: { newest: Trace[] }) {
  const requests = useSum('requests')?.sum ?? null
  const errors = useSum('errors')?.sum ?? null
  const cost = useSum('cost_usd')
  const tokens = useSum('tokens')
  const alerts = useInfiniteQuery(alertsQuery({ status: 'firing' }))
  const queues = useInfiniteQuery(queuesQuery)
  const firing = alerts.data?.pages.flatMap((page) => page.items)
  const waiting = queues.data?.pages.flatMap((page) => page.items).filter((queue) => queue.num_done < queue.num_items)
  const left = waiting?.reduce((sum, queue) => sum + queue.num_items - queue.num_done, 0) ?? 0
  const share = requests && errors !== null ? ` (${percent(errors / requests)})` : ''
  return (
    <div className="stack">
      <Section title={t`The loop`}><Standing requests={requests} /></Section>
      <Section title={t`The last day`} beside={<Link to="/dashboards" search={{ range: '24h' }}>{t`As charts`}</Link>}>
        <Facts
          facts={[
            [t`Requests`, requests !== null && <Link key="requests" to="/traces" search={{ q: DAY }}>{count(requests)}</Link>],
            [t`Errors`, errors !== null && <Link key="errors" to="/traces" search={{ q: DAY, status: 'error' }}>{count(errors)}{share}</Link>],
            [t`Cost`, cost && tokens && costOf(cost, tokens.sum)],
            [t`Alerts that fire`, firing && <Link key="alerts" to="/alerts" search={{ status: 'firing' }}>{firing.length === 0 ? t`none` : <Status state="firing" word={alerts.hasNextPage ? t`${count(firing.length)} or more` : count(firing.length)} />}</Link>],
            [t`Waits for a review`, waiting && <Link key="queues" to="/queues">{left === 0 ? t`nothing` : plural(left, { one: '# answer', other: '# answers' })}</Link>],
          ]}
        />
      </Section>
      <Section title={t`The newest traces`} beside={<Link to="/traces" search={{}}>{t`All traces`}</Link>}>
        <TracesTable rows={newest.slice(0, NEWEST)} />
      </Section>
    </div>
  )
}

type Sum = { sum: number; /** Calls without a known price, where it is a cost. */ unpriced: number }

/** As far as prices are known; of traffic that told no tokens nothing is known. */
function costOf({ sum, unpriced }: Sum, tokens: number): string {
  if (sum === 0 && (unpriced > 0 || tokens === 0)) return t`unknown`
  return unpriced > 0 ? t`at least ${usd(sum)}` : usd(sum)
}

/** What a figure came to in the last day; null until it is known. */
function useSum(metric: Watched['metric']): Sum | null {
  const { data } = useQuery(chartQuery({ signal: { metric }, by: null }, '24h', undefined))
  if (data === undefined) return null
  const points = data.data.lines.flatMap((line) => line.points)
  return points.reduce<Sum>(({ sum, unpriced }, point) => ({ sum: sum + (point.value ?? 0), unpriced: unpriced + point.unpriced_count }), { sum: 0, unpriced: 0 })
}
