/* Alerts, newest first and filtered by what stands in the address; below them the monitors that raise them. */
import { plural, t } from '@lingui/core/macro'
import { NativeSelect } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import type { Monitor } from '../api/types'
import { significant } from '../format/numbers'
import { sh } from '../format/shell'
import { useMay } from '../governance/queries'
import { DataTable } from '../ui/DataTable'
import { FilterText } from '../ui/Filter'
import { More } from '../ui/More'
import { Page, Section } from '../ui/Page'
import { Empty } from '../ui/states'
import { Status } from '../ui/Status'
import { When } from '../ui/When'
import { AlertsTable } from './AlertsTable'
import { MonitorForm } from './MonitorForm'
import { ALERT_STATES, alertsQuery, monitorsQuery, type AlertFilter } from './queries'
import { ALERTS_TABS } from './tabs'
import { figure, ruleInWords, watchedInWords } from './words'

export function Alerts() {
  const filter = useSearch({ from: '/frame/alerts' })
  const navigate = useNavigate()
  const alerts = useInfiniteQuery(alertsQuery(filter))
  const monitors = useInfiniteQuery(monitorsQuery)
  const may = useMay('monitors.write')
  const set = (part: AlertFilter): void => void navigate({ to: '/alerts', search: { ...filter, ...part } })
  const filtered = filter.status !== undefined || filter.monitor !== undefined
  const command = ['treadle alert list', filter.status && sh`--status ${filter.status}`, filter.monitor && sh`--monitor ${filter.monitor}`].filter(Boolean).join(' ')
  return (
    <Page title={t`Alerts`} lead={t`What monitors found in live traffic, and what explains it.`} command={command} python="client.alerts.list_()" tabs={ALERTS_TABS}>
      <div className="row" style={{ alignItems: 'flex-end' }} role="search" aria-label={t`Filter alerts`}>
        <NativeSelect
          label={t`State`}
          size="xs"
          value={filter.status ?? ''}
          onChange={(event) => set({ status: ALERT_STATES.find((known) => known === event.currentTarget.value) })}
          data={[{ value: '', label: t`Any` }, { value: 'firing', label: t`Firing` }, { value: 'resolved', label: t`Over` }]}
        />
        <FilterText label={t`Monitor`} value={filter.monitor ?? ''} onApply={(monitor) => set({ monitor: monitor || undefined })} />
        {filtered && <Link to="/alerts" search={{}}>{t`Clear`}</Link>}
      </div>
      <More
        query={alerts}
        counted={(num) => plural(num, { one: '# alert', other: '# alerts' })}
        empty={filtered ? (
            <Empty title={t`No alert matches`}><Link to="/alerts" search={{}}>{t`Show all alerts`}</Link></Empty>
          ) : (
            <Empty title={t`No alert yet`}>{t`When a monitor fires, what it saw stands here with the traces, the release and the changes that explain it.`}</Empty>
          )}
      >
        {(rows) => <AlertsTable rows={rows} caption={t`Alerts`} />}
      </More>
      <Section title={t`Monitors`} beside={may && <MonitorForm />}>
        <More
          query={monitors}
          counted={(num) => plural(num, { one: '# monitor', other: '# monitors' })}
          empty={<Empty title={t`Nothing is watched yet`} command="treadle monitor set errors --metric error_rate --above 0.05">
              {t`A monitor looks at one figure of the traffic, window by window, and fires when it is bad.`}
            </Empty>}
        >
          {(rows) => <Monitors rows={rows} />}
        </More>
      </Section>
    </Page>
  )
}

function Monitors({ rows }: { rows: Monitor[] }) {
  return (
    <DataTable
      caption={t`Monitors`}
      rows={rows}
      rowKey={(monitor) => monitor.monitor_id}
      columns={[
        { head: t`State`, cell: (monitor) => <Status state={monitor.state} /> },
        { head: t`Name`, cell: ({ name }) => <Link to="/monitors/$name" params={{ name }}>{name}</Link> },
        { head: t`Watches`, wide: true, cell: (monitor) => <>{watchedInWords(monitor.signal, monitor.rule.kind === 'drift')}<div className="dim">{t`bad: ${ruleInWords(monitor)}`}</div></> },
        { head: t`Newest value`, cell: (monitor) => (monitor.rule.kind === 'drift' ? (monitor.value == null ? t`no data` : `p = ${significant(monitor.value, 2)}`) : figure(monitor.signal.metric ?? 'requests', monitor.value)), numeric: true },
        { head: t`Why`, cell: (monitor) => monitor.words, wide: true },
        { head: t`Since`, cell: (monitor) => <When at={monitor.condition_since} /> },
      ]}
    />
  )
}
