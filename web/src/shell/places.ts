/* Where one can go, in the order of the loop. The navigation and the palette show the same list; a page that is not here is reached
   from one that is. `within`: addresses that belong to a place though theirs begin otherwise. */
import { t } from '@lingui/core/macro'
import type { JSX } from 'react'
import {
  AccessIcon, AlertsIcon, AuditIcon, DashboardsIcon, DatasetsIcon, EndpointsIcon, ExperimentsIcon, GatewayIcon, HomeIcon, JobsIcon, ModelsIcon, PipelinesIcon, PlaygroundIcon,
  PromptsIcon, QueuesIcon, ReleasesIcon, ReportsIcon, RolloutsIcon, RunsIcon, ScorersIcon, SessionsIcon, SettingsIcon, TracesIcon, UsersIcon,
} from '../ui/icons'

export type Place = { to: string; label: string; Icon: (props: { size?: number }) => JSX.Element; within?: readonly string[] }

export const PLACES: readonly { group: string | null; places: readonly Place[] }[] = [
  { group: null, places: [{ to: '/', label: t`Home`, Icon: HomeIcon }] },
  {
    group: t`Observe`,
    places: [
      { to: '/traces', label: t`Traces`, Icon: TracesIcon, within: ['/views'] },
      { to: '/sessions', label: t`Sessions`, Icon: SessionsIcon },
      { to: '/users', label: t`Users`, Icon: UsersIcon },
      { to: '/dashboards', label: t`Dashboards`, Icon: DashboardsIcon },
      { to: '/alerts', label: t`Alerts`, Icon: AlertsIcon, within: ['/monitors', '/channels', '/abuse', '/drift'] },
    ],
  },
  {
    group: t`Build`,
    places: [
      { to: '/prompts', label: t`Prompts`, Icon: PromptsIcon, within: ['/optimizations'] },
      { to: '/playground', label: t`Playground`, Icon: PlaygroundIcon },
      { to: '/datasets', label: t`Datasets`, Icon: DatasetsIcon },
    ],
  },
  {
    group: t`Evaluate`,
    places: [
      { to: '/experiments', label: t`Experiments`, Icon: ExperimentsIcon, within: ['/harness-runs'] },
      { to: '/scorers', label: t`Scorers`, Icon: ScorersIcon },
      { to: '/queues', label: t`Queues`, Icon: QueuesIcon, within: ['/surveys'] },
    ],
  },
  {
    group: t`Train`,
    places: [
      { to: '/runs', label: t`Runs`, Icon: RunsIcon },
      { to: '/models', label: t`Models`, Icon: ModelsIcon, within: ['/choices'] },
    ],
  },
  {
    group: t`Serve`,
    places: [
      { to: '/endpoints', label: t`Endpoints`, Icon: EndpointsIcon },
      { to: '/releases', label: t`Releases`, Icon: ReleasesIcon },
      { to: '/rollouts', label: t`Rollouts`, Icon: RolloutsIcon },
      { to: '/gateway', label: t`Gateway`, Icon: GatewayIcon },
    ],
  },
  {
    group: t`Automate`,
    places: [
      { to: '/pipelines', label: t`Pipelines`, Icon: PipelinesIcon, within: ['/schedules'] },
      { to: '/jobs', label: t`Jobs`, Icon: JobsIcon },
    ],
  },
  {
    group: t`Govern`,
    places: [
      { to: '/access', label: t`Access`, Icon: AccessIcon },
      { to: '/audit', label: t`Audit`, Icon: AuditIcon },
      { to: '/reports', label: t`Reports`, Icon: ReportsIcon },
    ],
  },
  { group: null, places: [{ to: '/settings', label: t`Settings`, Icon: SettingsIcon }] },
]

/** Whether an address is a place or below it. */
export function isAt(path: string, { to, within = [] }: Place): boolean {
  if (to === '/') return path === '/'
  return [to, ...within].some((start) => path === start || path.startsWith(`${start}/`))
}
