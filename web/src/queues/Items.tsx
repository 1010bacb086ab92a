/* What stands in a queue, in the order in which it came, with why and how far each is. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { count } from '../format/numbers'
import { actorsQuery, useMay } from '../governance/queries'
import { DataTable } from '../ui/DataTable'
import { More } from '../ui/More'
import { Section } from '../ui/Page'
import { Empty } from '../ui/states'
import { Status } from '../ui/Status'
import { When } from '../ui/When'
import { itemsQuery } from './queries'

export function Items({ name }: { name: string }) {
  const items = useInfiniteQuery(itemsQuery(name))
  return (
    <Section title={t`What stands in it`}>
      <More query={items} counted={(num) => plural(num, { one: '# item', other: '# items' })} empty={<Empty title={t`The queue is empty`} />}>
        {(rows) => (
          <DataTable
            caption={t`Items`}
            rows={rows}
            rowKey={(item) => item.item_id}
            columns={[
              { head: t`Answer`, cell: (item) => <><Trace traceId={item.trace_id} />{item.other_trace_id && <> <Trans>or <Trace traceId={item.other_trace_id} /></Trans></>}</> },
              { head: t`State`, cell: (item) => <Status state={item.status} /> },
              { head: t`Judgements`, cell: (item) => count(item.num_judged), numeric: true },
              { head: t`Why it is here`, cell: (item) => <span className="untrusted">{item.reason}</span>, wide: true },
              { head: t`Known answer`, cell: (item) => (item.gold === null ? <span className="dim">{t`no`}</span> : t`yes`) },
              { head: t`For`, cell: (item) => (item.assigned_to === null ? <span className="dim">{t`anybody`}</span> : <Named actorId={item.assigned_to} />) },
              { head: t`Priority`, cell: (item) => count(item.priority), numeric: true },
              { head: t`Came`, cell: (item) => <When at={item.created_at} /> },
            ]}
          />
        )}
      </More>
    </Section>
  )
}

function Named({ actorId }: { actorId: string }) {
  const actors = useQuery({ ...actorsQuery, enabled: useMay('access.read') })
  return actors.data?.find((one) => one.actor_id === actorId)?.name ?? <code>{actorId}</code>
}

/** By its end: ids that were made at about the same time begin alike. */
function Trace({ traceId }: { traceId: string }) {
  return <Link to="/traces/$traceId" params={{ traceId }}><code>…{traceId.slice(-8)}</code></Link>
}
