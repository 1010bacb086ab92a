/* Monitors and alerts in words, and the traces that an alert is about as a filter. Pure. */
import { plural, t } from '@lingui/core/macro'
import type { Alert, Monitor, Watched } from '../api/types'
import { bytes, count, duration, measure, percent, usd } from '../format/numbers'
import type { TraceFilter } from '../traces/queries'

/** What each figure is called. */
export const METRICS: Record<Watched['metric'], string> = {
  requests: t`Requests`, error_rate: t`Share of errors`, latency_p50: t`Latency, p50`, latency_p95: t`Latency, p95`, latency_p99: t`Latency, p99`,
  ttft_p50: t`Time to first token, p50`, ttft_p95: t`Time to first token, p95`, ttft_p99: t`Time to first token, p99`,
  tokens_per_second: t`Tokens per second`, input_tokens: t`Input tokens`, output_tokens: t`Output tokens`, output_length: t`Output tokens per answer`,
  cost_usd: t`Cost`, cache_hit_rate: t`Cache hits`, refusal_rate: t`Refusals`, guard_hit_rate: t`Guard hits`, score: t`Score`, feedback_rate: t`Share of requests with feedback`,
  errors: t`Errors`, tokens: t`Tokens, input and output`, json_valid_rate: t`JSON answers that are valid`, engine_cpu_percent: t`Engines: processors`,
  engine_memory_bytes: t`Engines: memory`, engine_gpu_percent: t`Engines: GPUs`, engine_gpu_memory_bytes: t`Engines: GPU memory`,
}

/** A figure in its own unit. */
export function figure(metric: Watched['metric'], value: number | null | undefined): string {
  if (value == null) return t`no data`
  if (metric.endsWith('_rate')) return percent(value)
  if (metric.startsWith('latency') || metric.startsWith('ttft')) return duration(value)
  if (metric === 'cost_usd') return usd(value)
  if (metric.endsWith('_bytes')) return bytes(value)
  if (metric.endsWith('_percent')) return `${measure(value)} %`
  if (metric === 'errors' || metric === 'tokens' || metric === 'requests' || metric === 'input_tokens' || metric === 'output_tokens') return count(Math.round(value))
  return measure(value)
}

/** What a monitor looks at: 'Share of errors of support'. */
export function watchedInWords(signal: Watched, isDrift: boolean): string {
  const what = isDrift ? t`Drift` : signal.metric === 'score' ? t`Score ‘${signal.score ?? ''}’` : signal.metric === 'feedback_rate' ? t`Share of requests with feedback ‘${signal.score ?? ''}’` : METRICS[signal.metric]
  const parts = [
    signal.error_code && `‘${signal.error_code}’`, signal.endpoint && t`of ${signal.endpoint}`, signal.segment && t`of segment ${signal.segment}`, signal.model_version_id && t`of ${signal.model_version_id}`, signal.release_id && t`of release ${signal.release_id}`, signal.model && t`of ${signal.model}`,
    signal.service_name && t`from service ${signal.service_name}`, signal.key_id && t`with key ${signal.key_id}`, signal.user_id && t`by ${signal.user_id}`, signal.kind && t`(${signal.kind} spans)`,
  ].filter(Boolean)
  return [what, ...parts].join(' ')
}

/** When a window is bad. */
export function ruleInWords({ rule, signal }: Pick<Monitor, 'rule' | 'signal'>): string {
  switch (rule.kind) {
    case 'threshold':
      return [rule.below != null && t`below ${figure(signal.metric, rule.below)}`, rule.above != null && t`above ${figure(signal.metric, rule.above)}`].filter(Boolean).join(t` or `)
    case 'anomaly':
      return t`${count(rule.deviations)} deviations from the last ${plural(rule.weeks ?? 4, { one: '# week', other: '# weeks' })}`
    case 'sequential':
      return rule.direction === 'below' ? t`evidence that the share is below ${percent(rule.limit)}` : t`evidence that the share is above ${percent(rule.limit)}`
    case 'drift':
      return t`${(rule.channels ?? []).join(', ')} unlike the reference`
  }
}

/** The traces that an alert is about. */
export function tracesOf({ spans }: Pick<Alert, 'spans'>): TraceFilter {
  const said = [spans.model && `model:${quoted(spans.model)}`, spans.key_id && `key:${quoted(spans.key_id)}`, spans.user_id && `user:${quoted(spans.user_id)}`].filter(Boolean)
  return {
    endpoint: spans.endpoint ?? undefined, release_id: spans.release_id ?? undefined,
    since: spans.since, until: spans.until, q: said.length > 0 ? said.join(' ') : undefined,
  }
}

function quoted(value: string): string {
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}

/** An audit action for people: 'releases.serve' is 'Releases: serve'. */
export function actionInWords(action: string): string {
  const [what = '', ...did] = action.replaceAll('_', ' ').split('.')
  return did.length === 0 ? what : `${what.charAt(0).toUpperCase()}${what.slice(1)}: ${did.join(' ')}`
}

/** The page that shows what was changed; null where none does. */
export function placeOfChange(objectId: string): string | null {
  const id = encodeURIComponent(objectId)
  if (objectId.startsWith('rel_')) return `/releases/${id}`
  if (objectId.startsWith('rol_')) return `/rollouts/${id}`
  if (objectId.startsWith('run_')) return `/runs/${id}`
  if (objectId.startsWith('mon_')) return `/monitors/${id}`
  return null
}
