/* The lists whose filters can be kept, and where they are. What is kept of one is what stands in its address. Pure. */
import { t } from '@lingui/core/macro'
import { sh } from '../format/shell'
import type { Kept, Listed } from './queries'

type List = { to: string; words: string }

/** Traces are filtered in words, see traces/KeepView. */
export const LISTS: Partial<Record<Listed, List>> = {
  session: { to: '/sessions', words: t`sessions` },
  user: { to: '/users', words: t`users` },
  dashboard: { to: '/dashboards', words: t`dashboards` },
  alert: { to: '/alerts', words: t`alerts` },
  finding: { to: '/abuse', words: t`callers that stood out` },
  prompt: { to: '/prompts', words: t`prompts` },
  dataset: { to: '/datasets', words: t`datasets` },
  experiment: { to: '/experiments', words: t`experiments` },
  queue: { to: '/queues', words: t`queues` },
  run: { to: '/runs', words: t`runs` },
  model: { to: '/models', words: t`models` },
  job: { to: '/jobs', words: t`jobs` },
  endpoint: { to: '/endpoints', words: t`endpoints` },
  release: { to: '/releases', words: t`releases` },
  rollout: { to: '/rollouts', words: t`rollouts` },
  target: { to: '/gateway/health', words: t`targets of the gateway` },
  actor: { to: '/access', words: t`people and keys that may act` },
  key: { to: '/access/keys', words: t`keys` },
  audit_entry: { to: '/audit', words: t`the audit log` },
}

/** The list at a path; undefined where there is none. */
export function listAt(path: string): Listed | undefined {
  return (Object.keys(LISTS) as Listed[]).find((subject) => LISTS[subject]?.to === path)
}

export type Search = Record<string, string>

/** What of an address is kept: its filters, and not which rows are ticked. */
export function keptOf(search: Readonly<Record<string, unknown>>): Search {
  return Object.fromEntries(Object.entries(search).filter((pair): pair is [string, string] => typeof pair[1] === 'string' && pair[1] !== '' && pair[0] !== 'ticked').toSorted())
}

/** As people read it: 'status: failed, kind: training'. */
export function searchInWords(search: Search): string {
  return Object.entries(search).map(([name, value]) => `${name}: ${value}`).join(', ')
}

export function commandOf(name: string, { subject, q, search }: Omit<Kept, 'columns'>, shared: boolean): string {
  const of = subject === 'trace' ? (q === '' ? '' : sh` ${q}`) : sh` --of ${subject}`
  return sh`treadle trace keep-view ${name}` + of + Object.entries(search).map(([key, value]) => sh` --search ${`${key}=${value}`}`).join('') + (shared ? ' --shared' : '')
}
