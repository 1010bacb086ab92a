/* One end user: what their traces came to, how that went over time, and the traces. */
import { plural, t } from '@lingui/core/macro'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import type { Party } from '../api/types'
import { ChartOf } from '../dashboards/ChartOf'
import type { Chart } from '../dashboards/queries'
import { sh } from '../format/shell'
import { useMay } from '../governance/queries'
import { PartyFacts, quoted } from '../sessions/SessionPage'
import { tracesQuery } from '../traces/queries'
import { TracesTable } from '../traces/TracesTable'
import { More } from '../ui/More'
import { Page, Section } from '../ui/Page'
import { Answer, Empty } from '../ui/states'
import { userQuery } from './queries'

export function UserPage() {
  const { name } = useParams({ from: '/frame/users/$name' })
  const user = useQuery(userQuery(name))
  const filter = `user:${quoted(name)}`
  return (
    <Page
      title={name}
      crumbs={[{ label: t`Users`, to: '/users' }]}
      command={sh`treadle trace list ${filter}`}
      python={`client.traces.get_user(${JSON.stringify(name)})\nclient.traces.list_(${JSON.stringify(filter)})`}
    >
      <Answer query={user} what={t`the user`}>{(party) => <UserView party={party} />}</Answer>
    </Page>
  )
}

function UserView({ party }: { party: Party }) {
  const filter = `user:${quoted(party.name)}`
  const traces = useInfiniteQuery(tracesQuery({ q: filter }))
  const may = useMay('monitors.read')
  return (
    <>
      <PartyFacts party={party} />
      {may && (
        <Section title={t`The last seven days`}>
          <div className="columns">{chartsOf(party.name).map((chart) => <ChartOf key={chart.name} chart={chart} range="7d" endpoint={undefined} />)}</div>
        </Section>
      )}
      <Section title={t`Their traces`} beside={<Link to="/traces" search={{ q: filter }}>{t`Filter them`}</Link>}>
        <More query={traces} counted={(num) => plural(num, { one: '# trace', other: '# traces' })} empty={<Empty title={t`The traces are no longer kept`}>{t`What they came to stands above.`}</Empty>}>
          {(rows) => <TracesTable rows={rows} />}
        </More>
      </Section>
    </>
  )
}

function chartsOf(user: string): Chart[] {
  const of = (name: string, title: string, metric: Chart['signal']['metric']): Chart => ({ name, title, by: null, signal: { metric, user_id: user } })
  return [of('requests', t`Requests`, 'requests'), of('cost', t`Cost`, 'cost_usd'), of('errors', t`Share of errors`, 'error_rate'), of('latency', t`Latency, p95`, 'latency_p95')]
}
