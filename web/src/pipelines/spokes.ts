/* A turn's stations as the spokes of the picture: stations that belong together share one. Pure. A station that is not known
   here gets a spoke of its own, so a turn with new stations is still shown whole. */
import { t } from '@lingui/core/macro'
import type { Run, Turn } from '../api/types'
import { wordsOf } from '../jobs/words'

export type Spoke = {
  key: string
  title: string
  state: Run['status']
  words: string
  startedAt: string | null
  endedAt: string | null
  /** The run to look at: what failed or goes on, else the last one begun. */
  run: Run | null
  progress: number | null
}

type Station = Turn['steps'][number]

const TOGETHER: [key: string, title: string, steps: RegExp][] = [
  ['import', t`Import`, /^(source|import)$/],
  ['baseline', t`Baseline`, /^(baseline|evaluate-baseline)$/],
  ['evaluate', t`Evaluate`, /^(candidate|evaluate)$/],
  ['drill', t`Drill`, /^drill-/],
]

/** Names of stations that stand alone, in the reader's language. */
const CALLED: Readonly<Record<string, string>> = {
  explore: t`Explore`,
  prepare: t`Prepare`,
  base: t`Base model`,
  serve: t`Serve`,
  finetune: t`Fine-tune`,
  approve: t`Gate and approve`,
  ask: t`Ask before release`,
  rollout: t`Roll out`,
  curate: t`Back to data`,
}

/** The spokes in order; a group stands where its first station stands. */
export function spokesOf(stations: readonly Station[]): Spoke[] {
  const groups = new Map<string, { title: string; stations: Station[] }>()
  for (const station of stations) {
    const together = TOGETHER.find(([, , steps]) => steps.test(station.step))
    const [key, title] = together ?? [station.step, CALLED[station.step] ?? station.title]
    const group = groups.get(key) ?? { title, stations: [] }
    group.stations.push(station)
    groups.set(key, group)
  }
  return [...groups].map(([key, { title, stations: members }]) => spokeOf(key, title, members))
}

function spokeOf(key: string, title: string, members: Station[]): Spoke {
  const runs = members.flatMap((member) => (member.run ? [member.run] : []))
  const state = stateOf(runs, members.length)
  const run = runs.find((one) => one.status === 'failed') ?? runs.find((one) => one.status === 'running') ?? runs.at(-1) ?? null
  const ended = state === 'succeeded' || state === 'failed' || state === 'cancelled'
  return {
    key,
    title,
    state,
    words: run ? wordsOf(run) : '',
    startedAt: runs.find((one) => one.started_at)?.started_at ?? null,
    endedAt: ended ? (runs.at(-1)?.ended_at ?? null) : null,
    run,
    progress: state === 'running' ? progressOf(runs, members.length) : null,
  }
}

/** Failed or cancelled when any is; done when all are; going on while some are done and others are to come. */
function stateOf(runs: Run[], wanted: number): Run['status'] {
  const bad = runs.find((run) => run.status === 'failed') ?? runs.find((run) => run.status === 'cancelled')
  if (bad) return bad.status
  if (runs.length === wanted && runs.every((run) => run.status === 'succeeded')) return 'succeeded'
  return runs.some((run) => run.status === 'running' || run.status === 'succeeded') ? 'running' : 'pending'
}

function progressOf(runs: Run[], wanted: number): number {
  return runs.reduce((sum, run) => sum + (run.status === 'succeeded' ? 1 : run.progress), 0) / wanted
}
