/* Alerts as a table, for the list and for one monitor's page. */
import { t } from '@lingui/core/macro'
import { Link } from '@tanstack/react-router'
import type { Alert } from '../api/types'
import { DataTable } from '../ui/DataTable'
import { Status } from '../ui/Status'
import { Took, When } from '../ui/When'

export function AlertsTable({ rows, caption }: { rows: Alert[]; caption: string }) {
  return (
    <DataTable
      caption={caption}
      rows={rows}
      rowKey={(alert) => alert.alert_id}
      columns={[
        { head: t`State`, cell: (alert) => <Status state={alert.status} /> },
        { head: t`What`, wide: true, cell: (alert) => <Link to="/alerts/$alertId" params={{ alertId: alert.alert_id }}>{alert.summary}</Link> },
        { head: t`Monitor`, cell: (alert) => <Link to="/monitors/$name" params={{ name: alert.monitor_id }}>{alert.monitor}</Link> },
        { head: t`Fired`, cell: (alert) => <When at={alert.opened_at} /> },
        { head: t`Lasted`, cell: (alert) => <Took from={alert.opened_at} to={alert.resolved_at} running={alert.status === 'firing'} />, numeric: true },
      ]}
    />
  )
}
