/* A monitor as it is being written: what is sent of it, and the command that does the same where there is one. Pure. */
import type { Monitor, Watched } from '../api/types'
import { sh } from '../format/shell'
import type { NewMonitor } from './queries'

type Channel = 'input' | 'output' | 'context' | 'features' | 'scores'

export type Draft = {
  name: string
  signal: Watched
  kind: Monitor['rule']['kind']
  above: number | ''
  below: number | ''
  deviations: number
  direction: 'above' | 'below' | 'both'
  weeks: number
  limit: number | ''
  since: string
  until: string
  compared: Channel[]
  windowMinutes: number
  fireAfter: number
  clearAfter: number
  leastCount: number
  silenceIsBad: boolean
  channels: string[]
  isOn: boolean
  /** What a rule has beside that stays as it was. */
  rule: Monitor['rule'] | null
}

export const NEW: Draft = {
  name: '', signal: { metric: 'error_rate' }, kind: 'threshold', above: 0.05, below: '', deviations: 5, direction: 'both', weeks: 4, limit: 0.02, since: '', until: '',
  compared: ['input', 'output', 'features'], windowMinutes: 5, fireAfter: 1, clearAfter: 2, leastCount: 1, silenceIsBad: false, channels: [], isOn: true, rule: null,
}

export function draftOf(monitor: Monitor): Draft {
  const { rule } = monitor
  return {
    ...NEW, name: monitor.name, signal: monitor.signal, kind: rule.kind ?? 'threshold', rule, windowMinutes: monitor.window_minutes, fireAfter: monitor.fire_after,
    clearAfter: monitor.clear_after, leastCount: monitor.least_count, silenceIsBad: monitor.alert_on_silence, channels: [...monitor.channels], isOn: monitor.is_on,
    ...(rule.kind === 'threshold' && { above: rule.above ?? '', below: rule.below ?? '' }),
    ...(rule.kind === 'anomaly' && { deviations: rule.deviations ?? 5, direction: rule.direction ?? 'both', weeks: rule.weeks ?? 4 }),
    ...(rule.kind === 'sequential' && { limit: rule.limit, direction: rule.direction ?? 'above' }),
    ...(rule.kind === 'drift' && { since: rule.reference_since.slice(0, 16), until: rule.reference_until.slice(0, 16), compared: [...(rule.channels ?? NEW.compared)] }),
  }
}

export function monitorOf(draft: Draft): NewMonitor {
  return {
    name: draft.name.trim(), signal: draft.signal, rule: ruleOf(draft), window_minutes: draft.windowMinutes, fire_after: draft.fireAfter, clear_after: draft.clearAfter,
    least_count: draft.leastCount, alert_on_silence: draft.silenceIsBad, channels: draft.channels, is_on: draft.isOn,
  }
}

function ruleOf(draft: Draft): NewMonitor['rule'] {
  const kept = draft.rule?.kind === draft.kind ? draft.rule : {}
  switch (draft.kind) {
    case 'threshold':
      return { margin: 0, ...kept, kind: 'threshold', above: orNull(draft.above), below: orNull(draft.below) }
    case 'anomaly':
      return { ...kept, kind: 'anomaly', deviations: draft.deviations, direction: draft.direction, weeks: draft.weeks }
    case 'sequential':
      return { ...kept, kind: 'sequential', limit: Number(draft.limit), direction: draft.direction === 'below' ? 'below' : 'above' }
    default:
      return { reference_rows: 500, window_rows: 200, ...kept, kind: 'drift', channels: draft.compared, reference_since: moment(draft.since), reference_until: moment(draft.until) }
  }
}

const orNull = (value: number | ''): number | null => (value === '' ? null : value)

/** What a field of date and time says, which here is UTC; an empty one is left to the server to refuse. */
const moment = (said: string): string => (said === '' ? '' : `${said.length === 16 ? `${said}:00` : said}Z`)

/** The command that does the same; null where only a file of JSON says all of it. */
export function commandOf(draft: Draft): string | null {
  const { signal } = draft
  if (signal.kind || (draft.kind === 'anomaly' && (draft.weeks !== NEW.weeks || draft.direction !== 'both'))) return null
  const margin = draft.rule?.kind === 'threshold' ? draft.rule.margin : 0
  const rule = {
    threshold: [draft.above !== '' && sh`--above ${draft.above}`, draft.below !== '' && sh`--below ${draft.below}`, margin && sh`--margin ${margin}`],
    anomaly: ['--anomaly', draft.deviations !== NEW.deviations && sh`--deviations ${draft.deviations}`],
    sequential: [draft.direction === 'below' ? sh`--share-below ${draft.limit}` : sh`--share-above ${draft.limit}`],
    drift: [sh`--drift-from ${draft.since || 'DATE'}`, sh`--drift-to ${draft.until || 'DATE'}`, ...(draft.compared.join() === NEW.compared.join() ? [] : draft.compared.map((what) => sh`--drift-of ${what}`))],
  }[draft.kind]
  const flags = [
    draft.kind !== 'drift' && sh`--metric ${signal.metric}`, signal.score && sh`--score ${signal.score}`, signal.endpoint && sh`--endpoint ${signal.endpoint}`,
    signal.release_id && sh`--release ${signal.release_id}`, signal.model && sh`--model ${signal.model}`, signal.key_id && sh`--key ${signal.key_id}`,
    signal.user_id && sh`--user ${signal.user_id}`, signal.segment && sh`--segment ${signal.segment}`, signal.error_code && sh`--error ${signal.error_code}`,
    signal.model_version_id && sh`--engine ${signal.model_version_id}`, ...rule, draft.windowMinutes !== NEW.windowMinutes && sh`--window ${draft.windowMinutes}`,
    draft.fireAfter !== NEW.fireAfter && sh`--for ${draft.fireAfter}`, draft.clearAfter !== NEW.clearAfter && sh`--clear-after ${draft.clearAfter}`,
    draft.leastCount !== NEW.leastCount && sh`--least ${draft.leastCount}`, draft.silenceIsBad && '--alert-on-silence', ...draft.channels.map((name) => sh`--channel ${name}`), !draft.isOn && '--off',
  ].filter(Boolean)
  return [sh`treadle monitor set ${draft.name.trim() || 'NAME'}`, ...flags].join(' ')
}
