/* How requests find their way: for each endpoint the targets that may answer, how one is picked, and how the last day went. */
import { plural, t } from '@lingui/core/macro'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Endpoint } from '../api/types'
import { count, duration, percent } from '../format/numbers'
import { ModelLink } from '../models/ModelLink'
import { endpointsQuery, releaseQuery } from '../releases/queries'
import { ReleaseLink } from '../releases/ReleaseLink'
import { DataTable } from '../ui/DataTable'
import { More } from '../ui/More'
import { Page } from '../ui/Page'
import { Empty } from '../ui/states'
import { Status } from '../ui/Status'
import { byEndpointQuery } from './queries'
import { RoutingForm } from './RoutingForm'
import { GATEWAY_TABS } from './tabs'
import { pickedBy } from './words'

export function Routes() {
  const endpoints = useInfiniteQuery(endpointsQuery)
  const day = useDay()
  return (
    <Page title={t`Gateway`} lead={t`The way of a request: which targets may answer an endpoint’s requests, and how one of them is picked.`} command="treadle endpoint list" python="client.endpoints.list_()" tabs={GATEWAY_TABS}>
      <More
        query={endpoints}
        counted={(num) => plural(num, { one: '# endpoint', other: '# endpoints' })}
        empty={<Empty title={t`No endpoint yet`} command="treadle endpoint create support">{t`An endpoint is the name that applications call. Releases stand behind it, and say who answers.`}</Empty>}
      >
        {(rows) => (
          <DataTable
            caption={t`Routes`}
            rows={rows}
            rowKey={(endpoint) => endpoint.endpoint_id}
            columns={[
              { head: t`Endpoint`, cell: ({ name }) => <Link to="/endpoints/$name" params={{ name }}>{name}</Link> },
              { head: t`State`, cell: (endpoint) => (endpoint.disabled != null ? <Status state="failed" word={t`Switched off`} /> : endpoint.problem ? <Status state="failed" word={t`Problem`} /> : endpoint.stable_release_id ? <Status state="ok" word={t`Serving`} /> : <Status state="pending" />) },
              { head: t`Release`, cell: (endpoint) => <ReleaseLink releaseId={endpoint.stable_release_id} none={t`nothing yet`} /> },
              { head: t`May answer`, cell: (endpoint) => <Targets endpoint={endpoint} />, wide: true },
              { head: t`Picks`, cell: (endpoint) => <>{pickedBy(endpoint.settings?.routing)}<div><RoutingForm endpoint={endpoint} /></div></> },
              { head: t`Requests, last day`, cell: ({ name }) => shown(day.requests, name, count), numeric: true },
              { head: t`Errors`, cell: ({ name }) => shown(day.errors, name, (share) => percent(share)), numeric: true },
              { head: t`p95, slowest hour`, cell: ({ name }) => shown(day.latency, name, duration), numeric: true },
            ]}
          />
        )}
      </More>
    </Page>
  )
}

function Targets({ endpoint }: { endpoint: Endpoint }) {
  const { data } = useQuery({ ...releaseQuery(endpoint.stable_release_id ?? ''), enabled: endpoint.stable_release_id !== null })
  if (!data) return <span className="dim">{t`nothing`}</span>
  const targets = [...(data.manifest.targets ?? [])].sort((a, b) => (a.priority ?? 0) - (b.priority ?? 0))
  if (targets.length === 0) return <ModelLink modelVersionId={data.manifest.model_version_id} />
  return (
    <ol style={{ margin: 0, paddingInlineStart: '1.1rem' }}>
      {targets.map((target) => (
        <li key={`${target.provider} ${target.model} ${target.region} ${target.priority}`}>
          {target.model_version_id ? <ModelLink modelVersionId={target.model_version_id} /> : <span className="untrusted">{target.provider} {target.model}</span>}{' '}
          <span className="dim">{[t`priority ${target.priority ?? 0}, weight ${target.weight ?? 1}`, target.region].filter(Boolean).join(', ')}</span>
        </li>
      ))}
    </ol>
  )
}

type ByEndpoint = Map<string, number | null> | null

function shown(values: ByEndpoint, name: string, format: (value: number) => string) {
  if (values === null) return ''
  const value = values.get(name)
  return value == null ? <span className="dim">{t`none`}</span> : format(value)
}

/** What the last day came to for each endpoint; null until it is known. */
function useDay(): { requests: ByEndpoint; errors: ByEndpoint; latency: ByEndpoint } {
  const requests = useQuery(byEndpointQuery('requests')).data?.lines
  const errors = useQuery(byEndpointQuery('errors')).data?.lines
  const latency = useQuery(byEndpointQuery('latency_p95')).data?.lines
  const total = (points: { value: number | null }[]): number => points.reduce((sum, point) => sum + (point.value ?? 0), 0)
  const sums = requests && new Map(requests.map((line) => [line.group ?? '', total(line.points)]))
  const failed = errors && new Map(errors.map((line) => [line.group ?? '', total(line.points)]))
  return {
    requests: sums ?? null,
    errors: sums && failed ? new Map([...sums].map(([name, all]) => [name, all > 0 ? (failed.get(name) ?? 0) / all : null])) : null,
    // The hour that was slowest: hours cannot be added up to a quantile of the day.
    latency: latency ? new Map(latency.map((line) => [line.group ?? '', line.points.reduce<number | null>((most, point) => (point.value === null ? most : Math.max(most ?? 0, point.value)), null)])) : null,
  }
}
