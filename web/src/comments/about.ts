/* What a page is about, as comments name it: read from its address. Pure. */

export type About = { kind: string; name: string }

const KINDS: Readonly<Record<string, string>> = {
  alerts: 'alert', datasets: 'dataset', endpoints: 'endpoint', experiments: 'experiment', models: 'model', monitors: 'monitor', prompts: 'prompt', queues: 'queue',
  releases: 'release', rollouts: 'rollout', runs: 'run', schedules: 'schedule', sessions: 'session', surveys: 'survey', traces: 'trace',
}
/** What stands below an object and is still about it. */
const WITHIN = new Set(['chat', 'judge'])
/** Pages that stand where an object's name would. */
const NO_OBJECTS = new Set(['compare', 'grid'])

/** Null for a page that is about no one object. */
export function aboutOf(path: string): About | null {
  const [place = '', name, below, version, ...more] = path.replace(/^\/|\/$/g, '').split('/').map(decode)
  const kind = Object.hasOwn(KINDS, place) ? KINDS[place] : undefined
  if (kind === undefined || name === undefined || NO_OBJECTS.has(name) || more.length > 0) return null
  if (below === 'versions' && version !== undefined) return { kind: `${kind} version`, name: `${name}@${version}` }
  return version === undefined && (below === undefined || WITHIN.has(below)) ? { kind, name } : null
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part // '%' on its own
  }
}
