/* Home: what needs attention; the newest turn as a picture, live while it goes on; what it came to; where the next one would start; turns before. Where
   there is traffic and no turn, where the loop stands, and the last day. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { unlessLive } from '../api/requests'
import type { Run } from '../api/types'
import { count, percent } from '../format/numbers'
import { datasetQuery } from '../data/queries'
import { sh } from '../format/shell'
import { isGoing } from '../jobs/queries'
import { RunsTable } from '../jobs/RunsTable'
import { CommandLine } from '../ui/CommandLine'
import { Facts } from '../ui/Facts'
import { More } from '../ui/More'
import { Page, Section } from '../ui/Page'
import { tracesQuery } from '../traces/queries'
import { Answer, Empty, Loading } from '../ui/states'
import { lookOf, Status } from '../ui/Status'
import { Took, When } from '../ui/When'
import styles from './Home.module.css'
import { turnQuery, turnsQuery } from './queries'
import { spokesOf, type Spoke } from './spokes'
import { Needs } from './Needs'
import { Today } from './Today'
import { Wheel, type Step } from './Wheel'

export function Home() {
  const turns = useInfiniteQuery(turnsQuery)
  return (
    <Page title={t`Home`} lead={t`What needs a person, and where the loop stands: from data to a better model in production, and back to data.`} command="treadle turn list" python="client.turns.list_()">
      <Needs />
      <More
        query={turns}
        counted={(num) => plural(num, { one: '# turn', other: '# turns' })}
        quiet
        empty={<NoTurn />}
      >
        {(rows) => (
          <div className="stack">
            {rows[0] && <NewestTurn turnId={rows[0].run_id} />}
            {rows.length > 1 && <Section title={t`Turns before`}><RunsTable caption={t`Turns before`} rows={rows.slice(1)} /></Section>}
          </div>
        )}
      </More>
    </Page>
  )
}

function NoTurn() {
  const traces = useInfiniteQuery({ ...tracesQuery({}), refetchInterval: unlessLive(15_000) })
  const newest = traces.data?.pages.flatMap((page) => page.items) ?? []
  if (traces.isPending) return <Loading what={t`the last day`} />
  if (newest.length > 0) return <Today newest={newest} />
  return (
    <Empty title={t`No turn yet`} command="treadle demo">
      <Trans>
        A turn imports data, trains a model, proves that it is better, serves it, rolls it out and brings what people said back as data. There is an application already?{' '}
        <Link to="/traces" search={{}}>Send its first trace</Link>.
      </Trans>
    </Empty>
  )
}

function NewestTurn({ turnId }: { turnId: string }) {
  const turn = useQuery(turnQuery(turnId))
  return (
    <Answer query={turn} what={t`the turn`}>
      {({ run, steps }) => {
        const going = isGoing(run)
        return (
          <div className="stack">
            <Wheel steps={spokesOf(steps).map(stepOf)} running={going}>
              <Hub run={run} />
            </Wheel>
            {run.status === 'succeeded' && <CameTo run={run} />}
            {!going && <Next run={run} />}
          </div>
        )
      }}
    </Answer>
  )
}

function Hub({ run }: { run: Run }) {
  const going = isGoing(run)
  const { verdict_word: verdict, candidate_score: candidate, baseline_score: baseline } = run.outputs
  return (
    <div className={styles.hub} aria-live="polite">
      <div className={styles.line}>
        <Status state={run.status} />
        <Link to="/runs/$runId" params={{ runId: run.run_id }}>{run.title}</Link>
        <span className="dim"><Trans><Took from={run.started_at} to={run.ended_at} running={going} />, begun <When at={run.started_at} /></Trans></span>
      </div>
      {run.error && <p className="untrusted">{run.error.message}</p>}
      {typeof verdict === 'string' && (
        <p>
          <Trans>The candidate is <strong>{verdict}</strong></Trans>
          {typeof candidate === 'number' && `: ${typeof baseline === 'number' ? t`${percent(candidate)} against ${percent(baseline)}` : percent(candidate)}`}
        </p>
      )}
    </div>
  )
}

/** The figures of a finished turn, each with the page that proves it. */
function CameTo({ run }: { run: Run }) {
  const { outputs } = run
  const id = (key: string): string | null => (typeof outputs[key] === 'string' ? outputs[key] : null)
  const endpoint = id('endpoint')
  const rollout = id('rollout_id')
  const drill = id('drill_rollout_id')
  const answer = id('example_trace_id')
  const release = id('release_id')
  const added = outputs['rows_from_traffic']
  return (
    <Facts
      facts={[
        [t`Serves`, endpoint && <Link key="endpoint" to="/endpoints/$name" params={{ name: endpoint }}>{t`endpoint ${endpoint}`}</Link>],
        [t`Release`, release && <Link key="release" to="/releases/$releaseId" params={{ releaseId: release }}>{t`its gate and approval`}</Link>],
        [t`Rollout`, rollout && <Link key="rollout" to="/rollouts/$rolloutId" params={{ rolloutId: rollout }}>{spoken(outputs['rollout'])}</Link>],
        [t`Drill with a broken release`, drill && <Link key="drill" to="/rollouts/$rolloutId" params={{ rolloutId: drill }}>{spoken(outputs['drill_rollout'])}</Link>],
        [t`One of its answers`, answer && <Link key="answer" to="/traces/$traceId" params={{ traceId: answer }}>{t`back to its rows`}</Link>],
        [t`Rows from traffic`, typeof added === 'number' ? count(added) : null],
      ]}
    />
  )
}

function spoken(state: unknown): string {
  return typeof state === 'string' ? lookOf(state).word : t`its evidence`
}

function Next({ run }: { run: Run }) {
  const name = typeof run.params['name'] === 'string' ? run.params['name'] : null
  const brought = typeof run.outputs['next_dataset_version_id'] === 'string'
  const dataset = useQuery({ ...datasetQuery(name ?? ''), enabled: name !== null && brought })
  const version = dataset.data?.latest_version
  return (
    <Section title={t`The next turn`}>
      {name !== null && version != null ? (
        <p>
          <Trans>
            It would start from{' '}
            <Link to="/datasets/$name/versions/$version" params={{ name, version: String(version) }}>{name} v{version}</Link>
            {dataset.data?.num_rows != null && `, ${plural(dataset.data.num_rows, { one: '# row', other: '# rows' })}`}: what this turn prepared and what people said about its answers.
          </Trans>
        </p>
      ) : (
        <p>{run.status === 'succeeded' ? t`It would start from the data that this one prepared.` : t`Mend what stopped this one, then start again.`}</p>
      )}
      <div><CommandLine command={name !== null ? sh`treadle turn start --name ${name}` : 'treadle turn start'} label={t`Start the next turn`} /></div>
    </Section>
  )
}

function stepOf(spoke: Spoke): Step {
  return {
    key: spoke.key,
    title: spoke.title,
    state: spoke.state,
    words: spoke.words,
    took: spoke.startedAt && <Took from={spoke.startedAt} to={spoke.endedAt} running={spoke.state === 'running'} />,
    href: spoke.run ? `/runs/${spoke.run.run_id}` : null,
    progress: spoke.progress,
  }
}
