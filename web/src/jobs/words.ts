/* What came of a run, in a few words, from its outputs. Pure. Outputs are free-form JSON: a figure that is not there is left
   out, and a run of a kind not known here says nothing rather than something wrong. */
import { plural, t } from '@lingui/core/macro'
import type { Run } from '../api/types'
import { count, percent } from '../format/numbers'

type Outputs = Record<string, unknown>

/** While it runs, what it is doing; when it failed, why; else what it made. */
export function wordsOf(run: Run): string {
  if (run.error) return run.error.message
  if (run.status !== 'succeeded') return run.progress_text
  return (MADE[run.kind]?.(run.outputs) ?? []).filter((words) => words !== '').join(', ')
}

const MADE: Record<string, (made: Outputs) => string[]> = {
  'pipelines.source': (made) => [some(made, 'num_rows', rows), held(made)],
  'data.import': (made) => [version(made, 'dataset'), some(made, 'num_rows', rows), some(made, 'num_labels', (num) => plural(num, { one: '# label', other: '# labels' }))],
  'data.profile': (made) => [version(made, 'dataset') && t`the profile of ${version(made, 'dataset')}`],
  'data.prepare': (made) => [version(made, 'dataset'), some(made, 'num_rows', (num) => plural(num, { one: '# row kept', other: '# rows kept' }))],
  'data.curate': (made) => [version(made, 'dataset'), some(made, 'num_added', (num) => plural(num, { one: '# row from traffic', other: '# rows from traffic' })), some(made, 'num_rows', (num) => plural(num, { one: '# row in all', other: '# rows in all' })), leftOut(made)],
  'training.base': (made) => [version(made, 'model_name'), some(made, 'parameters_count', (num) => plural(num, { one: '# parameter', other: '# parameters' }))],
  'training.finetune': (made) => [version(made, 'model_name'), text(made, 'method'), rightOn(made)],
  'evals.experiment': (made) => [score(made)],
  'pipelines.release': (made) => [version(made, 'name')],
  'pipelines.approve': (made) => [text(made, 'verdict'), made['approved_by'] ? t`approved by ${String(made['approved_by'])}` : t`waits for approval`],
  'pipelines.ask': (made) => [Array.isArray(made['approved_by']) ? t`approved by ${made['approved_by'].map(String).join(', ')}` : ''],
  'feedback.fill': (made) => [text(made, 'words')],
  'pipelines.serve': (made) => [made['endpoint'] ? t`endpoint ${String(made['endpoint'])} answers` : ''],
  'pipelines.rollout': (made) => [text(made, 'status').replace('_', ' '), typeof made['num_requests'] === 'number' ? t`after ${plural(made['num_requests'], { one: '# request', other: '# requests' })}` : ''],
  'pipelines.mislabel': (made) => [some(made, 'num_rows', (num) => plural(num, { one: '# row mislabelled', other: '# rows mislabelled' }))],
}

const rows = (num: number): string => plural(num, { one: '# row', other: '# rows' })

function some(made: Outputs, key: string, counted: (num: number) => string): string {
  const value = made[key]
  return typeof value === 'number' ? counted(value) : ''
}

/** 'support v3', from the name under `key` and the version. */
function version(made: Outputs, key: string): string {
  const name = made[key]
  return typeof name === 'string' && typeof made['version'] === 'number' ? `${name} v${made['version']}` : ''
}

/** Why selected traces became no rows. */
function leftOut(made: Outputs): string {
  const selection = made['selection']
  if (typeof selection !== 'object' || selection === null || !('left_out' in selection)) return ''
  const why = Object.entries(selection.left_out as Record<string, number>).map(([reason, num]) => `${count(num)} ${reason.replace('_', ' ')}`)
  return why.length ? t`left out: ${why.join(', ')}` : ''
}

function rightOn(made: Outputs): string {
  const value = made['validation_exact_match']
  return typeof value === 'number' ? t`${percent(value)} right on validation rows` : ''
}

function text(made: Outputs, key: string): string {
  const value = made[key]
  return typeof value === 'string' ? value : ''
}

function held(made: Outputs): string {
  const value = made['num_customers']
  return typeof value === 'number' && value > 0 ? t`${count(value)} held back as customers` : ''
}

function score(made: Outputs): string {
  const metrics = made['metrics']
  const first = typeof metrics === 'object' && metrics !== null ? Object.entries(metrics)[0] : undefined
  const value = typeof made['score'] === 'number' ? made['score'] : first?.[1]
  if (typeof value !== 'number') return ''
  const said = `${percent(value)} ${first ? first[0].replaceAll('_', ' ') : t`right`}`
  return typeof made['rows'] === 'number' ? t`${said} on ${rows(made['rows'])}` : said
}
