/* Every address of the application. They stand behind '#', so any server that gives out one file can serve all of them. */
import { createHashHistory, createRootRoute, createRoute, createRouter, Outlet } from '@tanstack/react-router'
import { DatasetPage } from './data/DatasetPage'
import { Datasets } from './data/Datasets'
import { VersionPage } from './data/VersionPage'
import { ExperimentPage } from './evals/ExperimentPage'
import { Experiments } from './evals/Experiments'
import { EXPERIMENT_STATES, type ExperimentFilter } from './evals/queries'
import { TARGET_STATES, type TargetFilter } from './gateway/standing'
import { Settings } from './governance/Settings'
import { SignIn } from './governance/SignIn'
import { RUN_STATES, type JobFilter } from './jobs/queries'
import { RunPage } from './jobs/RunPage'
import { Runs } from './jobs/Runs'
import { ModelPage } from './models/ModelPage'
import { Models } from './models/Models'
import { ModelVersionPage } from './models/ModelVersionPage'
import { Home } from './pipelines/Home'
import { ALERT_STATES, type AlertFilter } from './monitoring/queries'
import { Prompts } from './prompts/Prompts'
import { EndpointPage } from './releases/EndpointPage'
import { Endpoints } from './releases/Endpoints'
import { ROLLOUT_STATES, type RolloutFilter } from './releases/queries'
import { ReleasePage } from './releases/ReleasePage'
import { Releases } from './releases/Releases'
import { Shell } from './shell/Shell'
import { FIGURES } from './traces/timeline'
import { SORTS, STATUSES, type TraceSearch } from './traces/queries'
import { Failed, FailedInFrame, Nowhere } from './shell/Nowhere'
import { page } from './shell/page'

/** Reads the named parts of a query string; anything else in it is ignored. */
function texts<Key extends string>(...keys: Key[]) {
  return (search: Record<string, unknown>): { [key in Key]?: string | undefined } => {
    const read: { [key in Key]?: string } = {}
    for (const key of keys) {
      const value = search[key]
      if (typeof value === 'string' && value !== '') read[key] = value
    }
    return read
  }
}

function readTraceSearch(search: Record<string, unknown>): TraceSearch {
  const { status, sort, figure, ...others } = texts('endpoint', 'status', 'text', 'release_id', 'session_id', 'q', 'since', 'until', 'view', 'columns', 'sort', 'figure', 'ticked')(search)
  return { ...others, status: STATUSES.find((known) => known === status), sort: SORTS.find((known) => known === sort), figure: FIGURES.find((known) => known === figure) }
}

function readAlertFilter(search: Record<string, unknown>): AlertFilter {
  const { status, monitor } = texts('status', 'monitor')(search)
  return { monitor, status: ALERT_STATES.find((known) => known === status) }
}

function readJobFilter(search: Record<string, unknown>): JobFilter {
  const { status, ...others } = texts('status', 'kind', 'q')(search)
  return { ...others, status: RUN_STATES.find((known) => known === status) }
}

function readTargetFilter(search: Record<string, unknown>): TargetFilter {
  const { state, provider } = texts('state', 'provider')(search)
  return { provider, state: TARGET_STATES.find((known) => known === state) }
}

function readExperimentFilter(search: Record<string, unknown>): ExperimentFilter & { ticked?: string | undefined } {
  const { status, ...others } = texts('status', 'q', 'ticked')(search)
  return { ...others, status: EXPERIMENT_STATES.find((known) => known === status) }
}

function readRolloutFilter(search: Record<string, unknown>): RolloutFilter {
  const { status, ...others } = texts('endpoint', 'waiting', 'status')(search)
  return { ...others, status: ROLLOUT_STATES.find((known) => known === status) }
}

const root = createRootRoute({ component: Outlet, notFoundComponent: Nowhere, errorComponent: Failed })
const signIn = createRoute({ getParentRoute: () => root, path: '/sign-in', component: SignIn, validateSearch: texts('token', 'next') })
const frame = createRoute({ getParentRoute: () => root, id: 'frame', component: () => <Shell /> })

const pages = [
  createRoute({ getParentRoute: () => frame, path: '/', component: Home }),
  createRoute({ getParentRoute: () => frame, path: '/settings', component: Settings }),
  createRoute({ getParentRoute: () => frame, path: '/datasets', component: Datasets, validateSearch: texts('q') }),
  createRoute({ getParentRoute: () => frame, path: '/datasets/$name', component: DatasetPage }),
  createRoute({ getParentRoute: () => frame, path: '/datasets/$name/versions/$version', component: VersionPage, validateSearch: texts('tab', 'text', 'part', 'label', 'row', 'columns', 'reason', 'against', 'kind', 'by') }),
  createRoute({ getParentRoute: () => frame, path: '/prompts', component: Prompts, validateSearch: texts('q', 'label') }),
  createRoute({ getParentRoute: () => frame, path: '/prompts/$name', component: page(() => import('./prompts/PromptPage'), 'PromptPage'), validateSearch: texts('version', 'against', 'tab') }),
  createRoute({ getParentRoute: () => frame, path: '/prompts/$name/write', component: page(() => import('./prompts/WritePage'), 'WritePage'), validateSearch: texts('from', 'first') }),
  createRoute({ getParentRoute: () => frame, path: '/optimizations', component: page(() => import('./optimize/Optimizations'), 'Optimizations') }),
  createRoute({ getParentRoute: () => frame, path: '/optimizations/$optimizationId', component: page(() => import('./optimize/OptimizationPage'), 'OptimizationPage'), validateSearch: texts('candidate') }),
  createRoute({ getParentRoute: () => frame, path: '/playground', component: page(() => import('./playground/Playground'), 'Playground'), validateSearch: texts('prompt', 'version', 'state') }),
  createRoute({ getParentRoute: () => frame, path: '/runs', component: Runs, validateSearch: texts('kind', 'ticked') }),
  createRoute({ getParentRoute: () => frame, path: '/runs/compare', component: page(() => import('./jobs/CompareRuns'), 'CompareRuns'), validateSearch: texts('runs') }),
  createRoute({ getParentRoute: () => frame, path: '/runs/$runId', component: RunPage }),
  createRoute({ getParentRoute: () => frame, path: '/models', component: Models, validateSearch: texts('q', 'alias') }),
  createRoute({ getParentRoute: () => frame, path: '/models/$name', component: ModelPage }),
  createRoute({ getParentRoute: () => frame, path: '/models/$name/versions/$version', component: ModelVersionPage, validateSearch: texts('tab') }),
  createRoute({ getParentRoute: () => frame, path: '/choices', component: page(() => import('./choosing/Choices'), 'Choices') }),
  createRoute({ getParentRoute: () => frame, path: '/choices/$choiceId', component: page(() => import('./choosing/ChoicePage'), 'ChoicePage') }),
  createRoute({ getParentRoute: () => frame, path: '/experiments', component: Experiments, validateSearch: readExperimentFilter }),
  createRoute({ getParentRoute: () => frame, path: '/experiments/grid', component: page(() => import('./evals/GridPage'), 'GridPage'), validateSearch: texts('ids', 'scorer', 'by', 'only', 'part', 'diff', 'cell', 'against') }),
  createRoute({ getParentRoute: () => frame, path: '/experiments/$experimentId', component: ExperimentPage, validateSearch: texts('against', 'rows', 'margin', 'equivalence') }),
  createRoute({ getParentRoute: () => frame, path: '/experiments/$experimentId/bias', component: page(() => import('./evals/BiasPage'), 'BiasPage') }),
  createRoute({ getParentRoute: () => frame, path: '/harness-runs', component: page(() => import('./evals/HarnessRuns'), 'HarnessRuns'), validateSearch: texts('endpoint') }),
  createRoute({ getParentRoute: () => frame, path: '/harness-runs/$harnessRunId', component: page(() => import('./evals/HarnessRunPage'), 'HarnessRunPage') }),
  createRoute({ getParentRoute: () => frame, path: '/scorers', component: page(() => import('./evals/Scorers'), 'Scorers') }),
  createRoute({ getParentRoute: () => frame, path: '/scorers/$name', component: page(() => import('./evals/ScorerPage'), 'ScorerPage') }),
  createRoute({ getParentRoute: () => frame, path: '/queues', component: page(() => import('./queues/Queues'), 'Queues'), validateSearch: texts('q') }),
  createRoute({ getParentRoute: () => frame, path: '/queues/$name', component: page(() => import('./queues/QueuePage'), 'QueuePage') }),
  createRoute({ getParentRoute: () => frame, path: '/queues/$name/judge', component: page(() => import('./queues/JudgePage'), 'JudgePage') }),
  createRoute({ getParentRoute: () => frame, path: '/endpoints', component: Endpoints, validateSearch: texts('q') }),
  createRoute({ getParentRoute: () => frame, path: '/endpoints/$name', component: EndpointPage }),
  createRoute({ getParentRoute: () => frame, path: '/endpoints/$name/chat', component: page(() => import('./chat/ChatPage'), 'ChatPage') }),
  createRoute({ getParentRoute: () => frame, path: '/rollouts', component: page(() => import('./releases/Rollouts'), 'Rollouts'), validateSearch: readRolloutFilter }),
  createRoute({ getParentRoute: () => frame, path: '/rollouts/$rolloutId', component: page(() => import('./releases/RolloutPage'), 'RolloutPage') }),
  createRoute({ getParentRoute: () => frame, path: '/releases', component: Releases, validateSearch: texts('q') }),
  createRoute({ getParentRoute: () => frame, path: '/releases/$releaseId', component: ReleasePage }),
  createRoute({ getParentRoute: () => frame, path: '/releases/$releaseId/against/$otherId', component: page(() => import('./releases/DiffPage'), 'DiffPage') }),
  createRoute({ getParentRoute: () => frame, path: '/reports', component: page(() => import('./releases/Reports'), 'Reports') }),
  createRoute({ getParentRoute: () => frame, path: '/reports/$releaseId', component: page(() => import('./releases/ReportPage'), 'ReportPage') }),
  createRoute({ getParentRoute: () => frame, path: '/alerts', component: page(() => import('./monitoring/Alerts'), 'Alerts'), validateSearch: readAlertFilter }),
  createRoute({ getParentRoute: () => frame, path: '/alerts/$alertId', component: page(() => import('./monitoring/AlertPage'), 'AlertPage') }),
  createRoute({ getParentRoute: () => frame, path: '/monitors/$name', component: page(() => import('./monitoring/MonitorPage'), 'MonitorPage') }),
  createRoute({ getParentRoute: () => frame, path: '/drift', component: page(() => import('./monitoring/DriftPage'), 'DriftPage'), validateSearch: texts('monitor') }),
  createRoute({ getParentRoute: () => frame, path: '/dashboards', component: page(() => import('./dashboards/Dashboards'), 'Dashboards'), validateSearch: texts('board', 'range', 'endpoint') }),
  createRoute({ getParentRoute: () => frame, path: '/traces', component: page(() => import('./traces/Traces'), 'Traces'), validateSearch: readTraceSearch }),
  createRoute({ getParentRoute: () => frame, path: '/traces/$traceId/against/$otherId', component: page(() => import('./traces/CompareTraces'), 'CompareTraces') }),
  createRoute({ getParentRoute: () => frame, path: '/traces/$traceId', component: page(() => import('./traces/TracePage'), 'TracePage'), validateSearch: texts('span', 'find') }),
  createRoute({ getParentRoute: () => frame, path: '/channels', component: page(() => import('./channels/Channels'), 'Channels') }),
  createRoute({ getParentRoute: () => frame, path: '/surveys', component: page(() => import('./surveys/Surveys'), 'Surveys') }),
  createRoute({ getParentRoute: () => frame, path: '/surveys/$name', component: page(() => import('./surveys/SurveyPage'), 'SurveyPage') }),
  createRoute({ getParentRoute: () => frame, path: '/gateway', component: page(() => import('./gateway/Routes'), 'Routes') }),
  createRoute({ getParentRoute: () => frame, path: '/gateway/keys', component: page(() => import('./governance/Keys'), 'GatewayKeys') }),
  createRoute({ getParentRoute: () => frame, path: '/gateway/limits', component: page(() => import('./gateway/Limits'), 'Limits') }),
  createRoute({ getParentRoute: () => frame, path: '/gateway/providers', component: page(() => import('./gateway/Providers'), 'Providers') }),
  createRoute({ getParentRoute: () => frame, path: '/gateway/health', component: page(() => import('./gateway/Health'), 'Health'), validateSearch: readTargetFilter }),
  createRoute({ getParentRoute: () => frame, path: '/gateway/batches', component: page(() => import('./gateway/Batches'), 'Batches') }),
  createRoute({ getParentRoute: () => frame, path: '/gateway/cache', component: page(() => import('./gateway/CachePage'), 'CachePage') }),
  createRoute({ getParentRoute: () => frame, path: '/access', component: page(() => import('./governance/Access'), 'Access'), validateSearch: texts('who') }),
  createRoute({ getParentRoute: () => frame, path: '/access/roles', component: page(() => import('./governance/Roles'), 'Roles') }),
  createRoute({ getParentRoute: () => frame, path: '/access/keys', component: page(() => import('./governance/Keys'), 'AccessKeys'), validateSearch: texts('of') }),
  createRoute({ getParentRoute: () => frame, path: '/audit', component: page(() => import('./governance/Audit'), 'Audit'), validateSearch: texts('actor', 'action', 'object') }),
  createRoute({ getParentRoute: () => frame, path: '/jobs', component: page(() => import('./jobs/Jobs'), 'Jobs'), validateSearch: readJobFilter }),
  createRoute({ getParentRoute: () => frame, path: '/settings/rules', component: page(() => import('./rules/Rules'), 'Rules') }),
  createRoute({ getParentRoute: () => frame, path: '/settings/forwards', component: page(() => import('./forwards/Forwards'), 'Forwards') }),
  createRoute({ getParentRoute: () => frame, path: '/settings/keeping', component: page(() => import('./traces/Keeping'), 'Keeping') }),
  createRoute({ getParentRoute: () => frame, path: '/settings/approvals', component: page(() => import('./releases/Environments'), 'Environments') }),
  createRoute({ getParentRoute: () => frame, path: '/settings/secrets', component: page(() => import('./governance/Secrets'), 'Secrets') }),
  createRoute({ getParentRoute: () => frame, path: '/abuse', component: page(() => import('./abuse/Abuse'), 'Abuse'), validateSearch: texts('status', 'caller') }),
  createRoute({ getParentRoute: () => frame, path: '/pipelines', component: page(() => import('./pipelines/Pipelines'), 'Pipelines') }),
  createRoute({ getParentRoute: () => frame, path: '/schedules', component: page(() => import('./schedules/Schedules'), 'Schedules') }),
  createRoute({ getParentRoute: () => frame, path: '/schedules/$name', component: page(() => import('./schedules/SchedulePage'), 'SchedulePage') }),
  createRoute({ getParentRoute: () => frame, path: '/views', component: page(() => import('./views/ViewsPage'), 'ViewsPage') }),
  createRoute({ getParentRoute: () => frame, path: '/sessions', component: page(() => import('./sessions/Sessions'), 'Sessions'), validateSearch: texts('q') }),
  createRoute({ getParentRoute: () => frame, path: '/sessions/$name', component: page(() => import('./sessions/SessionPage'), 'SessionPage') }),
  createRoute({ getParentRoute: () => frame, path: '/users', component: page(() => import('./users/Users'), 'Users'), validateSearch: texts('q') }),
  createRoute({ getParentRoute: () => frame, path: '/users/$name', component: page(() => import('./users/UserPage'), 'UserPage') }),
] as const

export const router = createRouter({
  routeTree: root.addChildren([signIn, frame.addChildren(pages)]),
  history: createHashHistory(),
  defaultErrorComponent: FailedInFrame,
  // A query string holds text. The router's own way would turn a token of digits into a number.
  parseSearch: (search) => Object.fromEntries(new URLSearchParams(search)),
  stringifySearch: (search) => {
    const kept = Object.entries(search).filter((pair): pair is [string, string] => typeof pair[1] === 'string' && pair[1] !== '')
    const written = new URLSearchParams(kept).toString()
    return written === '' ? '' : `?${written}`
  },
  scrollRestoration: true,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
