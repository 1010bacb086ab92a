/* What needs a person, worst first, from what the slices say. Pure. A need has words, the page that shows it, and how bad it is. */
import { plural, t } from '@lingui/core/macro'
import type { Alert, Endpoint, Forward, Limit, Queue, Rollout, Run, Target } from '../api/types'
import { FAILURES } from '../gateway/breakers'
import { boundInWords, boundOf } from '../gateway/words'
import { percent } from '../format/numbers'

export type Need = { key: string; level: 'failed' | 'held' | 'pending'; kind: string; words: string; to: string }
export type Use = { limit: Limit; used: number; amount: number }

/** A budget of which so much is used is told of. */
export const NEARLY = 0.8
const DAY_MS = 86_400_000
const LEVELS: Need['level'][] = ['failed', 'held', 'pending']

type Seen = { asking: Run[]; alerts: Alert[]; rollouts: Rollout[]; endpoints: Endpoint[]; queues: Queue[]; uses: Use[]; targets: Target[]; forwards: Forward[]; failed: Run[]; upstream: { code: string; num: number }[] }

export function needsOf(seen: Seen, now: number): Need[] {
  const needs: Need[] = [
    ...seen.endpoints.filter((endpoint) => endpoint.disabled != null).map((endpoint): Need => ({ key: `off ${endpoint.name}`, level: 'failed', kind: t`Endpoint`, words: t`${endpoint.name} is switched off: ${endpoint.disabled ?? ''}`, to: path('endpoints', endpoint.name) })),
    ...seen.endpoints.filter((endpoint) => endpoint.problem !== null).map((endpoint): Need => ({ key: `problem ${endpoint.name}`, level: 'failed', kind: t`Endpoint`, words: `${endpoint.name}: ${endpoint.problem}`, to: path('endpoints', endpoint.name) })),
    ...seen.alerts.map((alert): Need => ({ key: alert.alert_id, level: 'failed', kind: t`Alert`, words: alert.summary, to: path('alerts', alert.alert_id) })),
    ...seen.upstream.map(({ code, num }): Need => ({ key: code, level: 'failed', kind: t`Provider`, words: t`${plural(num, { one: '# request', other: '# requests' })} failed in the last hour because of who answers: ${code}`, to: `/traces?q=${encodeURIComponent(`error:${code} age<1h`)}` })),
    ...seen.targets.map((target): Need => ({ key: `target ${target.target}`, level: 'failed', kind: t`Provider`, words: t`${target.target} is left alone, because it failed: ${target.last_failure == null ? t`why is not known` : FAILURES[target.last_failure]}`, to: '/gateway/health?state=open' })),
    ...seen.uses.filter(({ used, amount }) => used >= NEARLY * amount).map(({ limit, used, amount }): Need => ({ key: limit.limit_id, level: used >= amount ? 'failed' : 'held', kind: t`Budget`, words: used >= amount ? t`All of ${boundInWords(limit)} is used: ${boundOf(limit)}` : t`${percent(used / amount, 0)} of ${boundInWords(limit)} is used: ${boundOf(limit)}`, to: '/gateway/limits' })),
    ...seen.forwards.filter((forward) => forward.state === 'failing').map((forward): Need => ({ key: `forward ${forward.name}`, level: 'failed', kind: t`Forward`, words: t`${forward.name} does not take spans: ${forward.error ?? t`it does not answer`}`, to: '/settings/forwards' })),
    ...seen.asking.map((run): Need => ({ key: run.run_id, level: 'held', kind: t`Approval`, words: t`A turn waits for an approval before it releases`, to: path('runs', run.parent_run_id ?? run.run_id) })),
    ...seen.rollouts.map((rollout): Need => ({ key: rollout.rollout_id, level: 'held', kind: t`Rollout`, words: t`${rollout.endpoint} waits for a person: ${rollout.needs_attention ?? rollout.words}`, to: path('rollouts', rollout.rollout_id) })),
    ...seen.failed.filter((run) => now - Date.parse(run.ended_at ?? run.created_at) < DAY_MS).map((run): Need => ({ key: run.run_id, level: 'held', kind: t`Job`, words: t`${run.title} failed: ${run.error?.message ?? t`it says not why`}`, to: path('runs', run.run_id) })),
    ...seen.queues.filter((queue) => queue.num_done < queue.num_items).map((queue): Need => ({ key: queue.queue_id, level: 'pending', kind: t`Review`, words: t`${plural(queue.num_items - queue.num_done, { one: '# answer waits', other: '# answers wait' })} in ${queue.name}`, to: path('queues', queue.name) })),
  ]
  return needs.sort((a, b) => LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level))
}

/** Whether an error's code says that who answers is at fault, and not who asked. */
export const isUpstream = (code: string): boolean => /upstream|provider|no_target|targets|engine/.test(code)

const path = (place: string, name: string): string => `/${place}/${encodeURIComponent(name)}`
