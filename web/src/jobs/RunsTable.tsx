/* Runs as rows, for the list of runs and for the steps of one. */
import { t } from '@lingui/core/macro'
import { Checkbox } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { Run } from '../api/types'
import { DataTable, type Column } from '../ui/DataTable'
import { Status } from '../ui/Status'
import { Took, When } from '../ui/When'
import { isGoing } from './queries'
import { wordsOf } from './words'

type RunsTableProps = {
  caption: string
  rows: Run[]
  chosen?: ReadonlySet<string>
  toggle?: (runId: string) => void
  /** What can be done with a run. */
  act?: (run: Run) => ReactNode
}

export function RunsTable({ caption, rows, chosen, toggle, act }: RunsTableProps) {
  const columns: Column<Run>[] = [
    ...(chosen && toggle ? [boxesOf(chosen, toggle)] : []),
    { head: t`Run`, cell: (run) => <Link to="/runs/$runId" params={{ runId: run.run_id }}>{run.title}</Link> },
    { head: t`State`, cell: (run) => <Status state={run.status} /> },
    { head: t`Kind`, cell: (run) => <code>{run.kind}</code> },
    { head: t`What came of it`, cell: (run) => <span className="untrusted">{wordsOf(run)}</span>, wide: true },
    { head: t`Took`, cell: (run) => <Took from={run.started_at} to={run.ended_at} running={isGoing(run)} />, numeric: true },
    { head: t`Asked for`, cell: (run) => <When at={run.created_at} /> },
    ...(act ? [{ head: t`Do`, cell: act }] : []),
  ]
  return <DataTable caption={caption} rows={rows} rowKey={(run) => run.run_id} columns={columns} selected={(run) => chosen?.has(run.run_id) ?? false} />
}

function boxesOf(chosen: ReadonlySet<string>, toggle: (runId: string) => void): Column<Run> {
  return {
    head: t`Choose`,
    cell: (run) => (
      <Checkbox
        size="xs"
        aria-label={t`Choose ${run.title}`}
        checked={chosen.has(run.run_id)}
        onChange={() => toggle(run.run_id)}
      />
    ),
  }
}
