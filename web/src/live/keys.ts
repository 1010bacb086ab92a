/* What is no longer as it was shown when something of a kind changes: which queries to ask again. Pure. */
import type { QueryKey } from '@tanstack/react-query'

/** By kind, the first parts of keys. A kind that is not here changes nothing that a page shows. */
export const KEYS: Readonly<Record<string, readonly string[]>> = {
  actor: ['access'],
  'abuse policy': ['abuse'],
  alert: ['alerts', 'deliveries', 'monitors'],
  cache: ['cache'],
  calibration: ['calibrations'],
  capture: ['capture'],
  channel: ['channels'],
  chart: ['dashboards'],
  choice: ['choices'],
  comment: ['comments', 'mentions'],
  dataset: ['datasets'],
  'dataset version': ['datasets'],
  endpoint: ['endpoints'],
  environment: ['environments', 'releases'],
  experiment: ['experiments', 'harness-runs'],
  feedback: ['feedback'],
  finding: ['abuse'],
  forward: ['forwards'],
  key: ['access'],
  label: ['prompt-labels'],
  limit: ['limits'],
  model: ['models'],
  'model version': ['models'],
  monitor: ['monitors'],
  optimisation: ['optimizations'],
  prompt: ['prompts'],
  'prompt version': ['prompts'],
  provider: ['providers'],
  queue: ['queues'],
  release: ['releases', 'endpoints', 'reports'],
  retention: ['retention'],
  rollout: ['rollouts', 'endpoints'],
  rule: ['rules'],
  run: ['runs', 'turns', 'experiments', 'optimizations', 'choices'],
  schedule: ['schedules'],
  survey: ['surveys'],
  trace: ['traces', 'sessions', 'users'],
  view: ['views'],
}

export type Changed = { kind: string; id: string | null }

/** Of these, one that is open stays as it is when others arrive: only lists grow. */
const LISTS_ONLY = new Set(['traces', 'sessions', 'users'])
const STEPS = 'steps'

/** Whether a query is to be asked again when this changed. */
export function isTouched(key: QueryKey, { kind, id }: Changed): boolean {
  const [first, second, third, fourth] = key
  if (typeof first !== 'string' || !(KEYS[kind]?.includes(first) ?? false)) return false
  if (LISTS_ONLY.has(first) && typeof second === 'string') return false
  // Runs tell of themselves every second while they go on: what lies deeper belongs to one of them, but for the steps of its parent.
  // What a search has tried lies below the search, and the run's name is not in its key: while it goes on, any run may be its own.
  if (kind === 'run' && first === 'optimizations' && third !== undefined) return isGoing(fourth)
  if (kind === 'run' && third !== undefined) return first === 'runs' && (third === STEPS || second === id)
  return true
}

function isGoing(part: unknown): boolean {
  return typeof part === 'object' && part !== null && 'isGoing' in part && part.isGoing === true
}
