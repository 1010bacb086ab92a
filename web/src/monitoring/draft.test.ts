/* What is written in the form is the monitor that is made; changing one begins with what it is and keeps what the form does not ask. */
import { expect, test } from 'vitest'
import type { Monitor } from '../api/types'
import { commandOf, draftOf, monitorOf, NEW } from './draft'

const monitor: Monitor = {
  monitor_id: 'mon_1', name: 'slow', unit: 'ms', signal: { metric: 'latency_p95', endpoint: 'support' }, rule: { kind: 'threshold', above: 2000, below: null, margin: 0.1 },
  window_minutes: 5, fire_after: 2, clear_after: 2, least_count: 1, alert_on_silence: false, channels: ['ops'], is_on: true, alert_id: null, condition: 'ok',
  condition_since: '', created_at: '', evaluated_until: '', silenced_until: null, state: 'ok', value: null, words: '', revision: 'a1',
}

test('a monitor that is opened and sent is the same', () => {
  const sent = monitorOf(draftOf(monitor))
  expect(sent).toMatchObject({ name: 'slow', signal: monitor.signal, rule: monitor.rule, fire_after: 2, channels: ['ops'] })
})

test('the command says the same, and nothing where a command cannot', () => {
  expect(commandOf(draftOf(monitor))).toBe('treadle monitor set slow --metric latency_p95 --endpoint support --above 2000 --margin 0.1 --for 2 --channel ops')
  expect(commandOf({ ...NEW, signal: { metric: 'requests', kind: 'llm' } })).toBeNull()
})

test('another kind of rule takes nothing over from the one before', () => {
  expect(monitorOf({ ...draftOf(monitor), kind: 'anomaly' }).rule).toEqual({ kind: 'anomaly', deviations: 5, direction: 'both', weeks: 4 })
})
