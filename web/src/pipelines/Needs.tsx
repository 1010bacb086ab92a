/* What needs a person, from every slice that one may read. What cannot be asked is left out and said. */
import { t } from '@lingui/core/macro'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { forwardsQuery } from '../forwards/queries'
import { nearlyUsedQuery, targetsQuery } from '../gateway/standing'
import { jobsQuery } from '../jobs/queries'
import { alertsQuery } from '../monitoring/queries'
import { queuesQuery } from '../queues/queries'
import { endpointsQuery, needAttentionQuery } from '../releases/queries'
import { DataTable } from '../ui/DataTable'
import { Section } from '../ui/Page'
import { Status } from '../ui/Status'
import { Loading } from '../ui/states'
import { useNow } from '../ui/When'
import { isUpstream, NEARLY, needsOf, type Need } from './needing'
import { askingQuery, failuresQuery } from './queries'

const MOST = 12
const LEVEL: Record<Need['level'], string> = { failed: t`Now`, held: t`Soon`, pending: t`Waits` }

export function Needs() {
  const now = useNow()
  const alerts = useInfiniteQuery(alertsQuery({ status: 'firing' }))
  const rollouts = useQuery(needAttentionQuery)
  const endpoints = useInfiniteQuery(endpointsQuery)
  const queues = useInfiniteQuery(queuesQuery)
  const limits = useQuery(nearlyUsedQuery(NEARLY))
  const targets = useInfiniteQuery(targetsQuery({ state: 'open' }))
  const forwards = useInfiniteQuery(forwardsQuery)
  const failed = useInfiniteQuery(jobsQuery({ status: 'failed' }))
  const asking = useInfiniteQuery(askingQuery)
  const failures = useQuery(failuresQuery)
  const all = [asking, alerts, rollouts, endpoints, queues, limits, targets, forwards, failed, failures]
  // A limit that each key or user has for itself is no budget that is about to be gone, and what is asked at once comes and goes.
  const uses = (limits.data?.items ?? []).filter((limit) => limit.unit !== 'concurrency' && (limit.scope === 'project' || limit.subject !== null)).map((limit) => ({ limit, used: limit.used, amount: limit.amount }))
  const upstream = (failures.data?.lines ?? []).flatMap(({ group, points }) => (group !== null && isUpstream(group) ? [{ code: group, num: points.reduce((sum, point) => sum + (point.value ?? 0), 0) }] : []))
  const needs = needsOf({ asking: rowsOf(asking), alerts: rowsOf(alerts), rollouts: rollouts.data?.items ?? [], endpoints: rowsOf(endpoints), queues: rowsOf(queues), uses, targets: rowsOf(targets), forwards: rowsOf(forwards), failed: rowsOf(failed), upstream }, now)
  const unasked = all.filter((query) => query.isError).length
  return (
    <Section title={t`What needs attention`}>
      {needs.length === 0 && all.some((query) => query.isPending) ? (
        <Loading what={t`what needs attention`} />
      ) : needs.length === 0 ? (
        <p>{unasked === 0 ? <Status state="ok" word={t`Nothing`} /> : null} {unasked === 0 ? t`No alert fires, no budget is nearly used up, no rollout and no review waits, nothing failed.` : t`Nothing that could be asked.`}</p>
      ) : (
        <DataTable
          caption={t`Needs, the worst first`}
          rows={needs.slice(0, MOST)}
          rowKey={(need) => need.key}
          columns={[
            { head: t`When`, cell: (need) => <Status state={need.level} word={LEVEL[need.level]} /> },
            { head: t`What`, cell: (need) => need.kind },
            { head: t`Why`, cell: (need) => <Link to={need.to}><bdi style={{ overflowWrap: 'anywhere' }}>{need.words.length > 300 ? `${need.words.slice(0, 300)}…` : need.words}</bdi></Link>, wide: true },
          ]}
        />
      )}
      {needs.length > MOST && <p className="dim">{t`and ${needs.length - MOST} more`}</p>}
      {unasked > 0 && <p className="dim">{t`Not all of it could be asked: your role may not see it, or the server does not answer.`}</p>}
    </Section>
  )
}

function rowsOf<Row>(query: { data?: { pages: { items: Row[] }[] } | undefined }): Row[] {
  return query.data?.pages.flatMap((page) => page.items) ?? []
}
