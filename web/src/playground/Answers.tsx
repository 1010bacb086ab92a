/* What was said: rows down, columns across, words as they come. All of it is untrusted. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Checkbox } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { lazy, Suspense, useState } from 'react'
import { count, duration, usd } from '../format/numbers'
import { WarnIcon } from '../ui/icons'
import { Status } from '../ui/Status'
import { Untrusted } from '../ui/text'
import { isAskedNow, type Column, type Row } from './board'
import styles from './Playground.module.css'
import type { CellState, ColumnState } from './useAsking'

const Markdown = lazy(() => import('../ui/Markdown'))

type AnswersProps = { columns: readonly Column[]; rows: readonly Row[]; names: readonly string[]; stateOf: (key: number) => ColumnState }

export function Answers({ columns, rows, names, stateOf }: AnswersProps) {
  const [formatted, setFormatted] = useState(false)
  const some = columns.some(({ key }) => Object.keys(stateOf(key).cells).length > 0 || stateOf(key).busy)
  if (!some) return <p className="dim">{t`Nothing was asked yet.`}</p>
  return (
    <div className="stack-tight">
      <Checkbox size="xs" label={t`Show answers as Markdown`} checked={formatted} onChange={(event) => setFormatted(event.currentTarget.checked)} />
      <div className={styles.frame} tabIndex={0} role="region" aria-label={t`All answers`}>
        <table className={styles.table}>
          <caption className="hidden-visually">{t`Answers by row and column`}</caption>
          <thead>
            <tr>
              <th scope="col">{t`Row`}</th>
              {columns.map((column, at) => <th key={column.key} scope="col">{headOf(at + 1, stateOf(column.key).asked?.column ?? column)}<Sum state={stateOf(column.key)} /></th>)}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, at) => (
              <tr key={row.key}>
                <th scope="row"><span className="dim">{at + 1}</span> <Untrusted text={(row.variables[names[0] ?? ''] ?? '').slice(0, 200)} />{row.expected !== null && <p className="untrusted"><span className="dim">{t`expected`} </span>{row.expected}</p>}</th>
                {columns.map((column) => <td key={column.key}><Cell state={stateOf(column.key)} column={column} row={row} formatted={formatted} /></td>)}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  )
}

/** What a column cost, after it was asked. */
function Sum({ state }: { state: ColumnState }) {
  const told = Object.values(state.cells).flatMap((cell) => cell.told ?? [])
  if (told.length === 0) return null
  const priced = told.filter(({ cost_usd }) => cost_usd !== null)
  const cost = priced.length === 0 ? t`no price known` : usd(priced.reduce((sum, { cost_usd }) => sum + Number(cost_usd), 0))
  return <span className={styles.sum}>{t`${cost}, ${duration(told.reduce((sum, cell) => sum + cell.latency_ms, 0) / told.length)} on average`}</span>
}

function Cell({ state: { cells, busy, asked }, column, row, formatted }: { state: ColumnState; column: Column; row: Row; formatted: boolean }) {
  const cell = cells[row.key]
  if (cell === undefined) return <span className="dim">{busy ? t`waiting…` : t`not asked`}</span>
  const { told, text } = cell
  return (
    <div className={styles.cell} data-status={told?.status ?? 'speaking'}>
      {text !== '' && (formatted && told !== null ? <Suspense fallback={<Untrusted text={text} />}><div className={styles.markdown} tabIndex={0} role="group" aria-label={t`Answer as Markdown`}><Markdown text={text} /></div></Suspense> : <Untrusted text={text} />)}
      {told?.tool_calls.map((call) => <p key={call.id || call.name}><Trans>calls <code className="untrusted">{call.name}({call.arguments})</code></Trans></p>)}
      {told?.status === 'answered' && text === '' && told.tool_calls.length === 0 && <span className="dim">{t`an empty answer`}</span>}
      {told !== null && told.status !== 'answered' && <p><Status state={told.status === 'failed' ? 'failed' : 'cancelled'} word={told.status === 'failed' ? t`No answer` : t`Not asked`} /> <span className="untrusted">{told.error}</span></p>}
      {asked !== null && !isAskedNow(asked, column, row) && <p className="dim"><WarnIcon size={13} /> {t`Asked before this was changed`}</p>}
      {told === null ? <span className="dim">{t`speaking…`}</span> : <Facts told={told} />}
    </div>
  )
}

/** A column by what was asked of whom. */
function headOf(number: number, column: Column): string {
  return t`Column ${number}: ${namedOf(column)}, ${column.endpoint || t`no endpoint`}`
}

function namedOf(column: Column): string {
  if (!column.prompt) return t`draft`
  return column.draft ? t`${column.prompt}, changed` : column.prompt
}

function Facts({ told }: { told: NonNullable<CellState['told']> }) {
  return (
    <p className={styles.facts}>
      {told.status !== 'skipped' && duration(told.latency_ms)}
      {told.input_tokens !== null && `, ${t`${count(told.input_tokens)} in, ${count(told.output_tokens)} out`}`}
      {told.status === 'answered' && `, ${usd(told.cost_usd)}`}
      {told.trace_id && <>, <Link to="/traces/$traceId" params={{ traceId: told.trace_id }}>{t`trace`}</Link></>}
    </p>
  )
}
