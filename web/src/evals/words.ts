/* Scores in words. Pure. */
import { plural, t } from '@lingui/core/macro'
import type { Comparison, Experiment, GridCell, GridOrder, Metric } from '../api/types'
import { fixed, percent, significant, usd } from '../format/numbers'

export type Unit = NonNullable<Metric['unit']>
const SUFFIX: Record<Unit, string> = { share: ' %', ratio: '', bits: ` ${t`bits`}`, milliseconds: ' ms', usd: ' USD' }

/** "91.2 %", "23.4 ms", "1.234": a score as its scorer's unit says. */
export function amount(value: number, unit: Unit = 'share'): string {
  return unit === 'share' ? percent(value) : `${significant(value, 4)}${SUFFIX[unit]}`
}

/** "91.2 % (89.8 to 92.5 %)": the figure of a scorer with its 95 % interval. */
export function scoreInWords(metric: Pick<Metric, 'mean' | 'low' | 'high'> & Partial<Pick<Metric, 'judge' | 'unit' | 'stopped_early'>>): string {
  if (metric.mean == null) return t`no row could be judged`
  // A judge that nobody has measured against people says so wherever its scores are shown.
  const figure = intervalInWords({ ...metric, mean: metric.mean })
  const said = metric.stopped_early ? t`${figure}, stopped early` : figure
  return metric.judge && metric.judge.expected_good == null ? t`${said}, not calibrated` : said
}

function intervalInWords({ mean, low, high, unit }: { mean: number } & Pick<Metric, 'low' | 'high'> & Partial<Pick<Metric, 'unit'>>): string {
  if (low == null || high == null) return amount(mean, unit)
  if (unit != null && unit !== 'share') return t`${amount(mean, unit)} (${amount(low, unit)} to ${amount(high, unit)})`
  return t`${percent(mean)} (${fixed(low * 100, 1)} to ${fixed(high * 100, 1)} %)`
}

/** Points as people write them, "2" or "2.5" of 100, as score points; undefined for anything else. */
export function pointsOf(text: string | undefined): number | undefined {
  const points = text === undefined || text.trim() === '' ? NaN : Number(text.replace(',', '.'))
  return points > 0 && points < 100 ? points / 100 : undefined
}

const INTERVALS: Record<Metric['interval'], string> = { wilson: 'Wilson', bootstrap: t`bootstrap`, clustered: t`clustered`, corpus_bootstrap: t`resampled rows`, betting: t`wherever it stopped` }

/** How the interval of a figure was made; a figure without one says so. */
export function wayOfInterval({ low, high, interval, clusters }: Pick<Metric, 'low' | 'high' | 'interval' | 'clusters'>): string {
  if (low == null || high == null) return t`none: too few rows to tell`
  return clusters == null ? INTERVALS[interval] : plural(clusters, { one: `${INTERVALS[interval]}, # cluster`, other: `${INTERVALS[interval]}, # clusters` })
}

const TESTS: Record<Comparison['test'], string> = {
  mcnemar_mid_p: t`McNemar’s mid-p`,
  sign_flip: t`sign flips`,
  cluster_sign_flip: t`sign flips of whole clusters`,
  corpus_bootstrap: t`resampled rows`,
  e_process: t`e-process: it holds wherever one stops`,
}

export const testInWords = ({ test }: Pick<Comparison, 'test'>): string => TESTS[test]

/** Which rows a comparison rests on, and which it does not. */
export function rowsInWords({ rows, unscored }: Pick<Comparison, 'rows' | 'unscored'>): string {
  const both = plural(rows, { one: '# row', other: '# rows' })
  return unscored === 0 ? both : plural(unscored, { one: `${both}; # more has no score in one or both`, other: `${both}; # more have no score in one or both` })
}

/** What people would say of the answers, by how far the judge was measured against them; null where nobody can tell. */
export function peopleInWords({ judge }: Pick<Metric, 'judge'>): string | null {
  if (judge?.people_good == null) return null
  if (judge.people_low == null || judge.people_high == null) return percent(judge.people_good)
  return t`${percent(judge.people_good)} (${fixed(judge.people_low * 100, 1)} to ${fixed(judge.people_high * 100, 1)} %)`
}

/** What an experiment cost: its answers, those of no known price counted, and its judges. Empty while nobody can know. */
export function costInWords({ cost_usd: cost, unpriced_count: unpriced, metrics }: Pick<Experiment, 'cost_usd' | 'unpriced_count' | 'metrics'>): string {
  if (cost == null && unpriced === 0) return judgesInWords(metrics)
  const answers = cost == null ? t`no price known` : unpriced === 0 ? usd(cost) : plural(unpriced, { one: `${usd(cost)} and # answer of no known price`, other: `${usd(cost)} and # answers of no known price` })
  const judges = judgesInWords(metrics)
  return judges === '' ? answers : `${answers}; ${judges}`
}

function judgesInWords(metrics: readonly Metric[]): string {
  const costs = metrics.flatMap(({ judge }) => (judge ? [judge.cost_usd] : []))
  if (costs.length === 0) return ''
  if (costs.some((cost) => cost === null)) return t`judges: no price known`
  return t`judges: ${usd(costs.reduce((sum, cost) => sum + Number(cost), 0))}`
}

/** By how much a cell scores more than the baseline's, positive is better; null where they are equal or cannot be compared. */
export function changeOf(baseline: GridCell | null, cell: GridCell, order: Pick<GridOrder, 'scorer' | 'higher_is_better'>): number | null {
  if (order.scorer === null || baseline === null) return null
  const [before, after] = [baseline.means[order.scorer], cell.means[order.scorer]]
  if (before === undefined || after === undefined || Math.abs(after - before) < 1e-9) return null
  return order.higher_is_better ? after - before : before - after
}

/** What was asked, as text: the last message of a conversation. */
export function textOf(input: unknown): string {
  if (typeof input === 'string') return input
  const last: unknown = Array.isArray(input) ? input.at(-1) : input
  if (typeof last === 'object' && last !== null && 'content' in last && typeof last.content === 'string') return last.content
  return JSON.stringify(input)
}

/** "0 to 1", "0 upwards, less is better". */
export function rangeInWords({ low, high, higher_is_better }: { low: number; high: number | null; higher_is_better: boolean }): string {
  const range = high === null ? t`${low} upwards` : t`${low} to ${high}`
  return higher_is_better ? range : t`${range}, less is better`
}

/** A parameter as it was typed: JSON where it is JSON, else a text. */
export function parameterOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
