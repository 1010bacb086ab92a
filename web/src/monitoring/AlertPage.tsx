/* One alert, where its messages lead: what fired with its figures, the signal around it, the traces and the release that explain
   it, what was changed just before, and who was told. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import type { Alert, Monitor, WindowSeen } from '../api/types'
import { count, significant } from '../format/numbers'
import { sh } from '../format/shell'
import { exact } from '../format/times'
import { ReleaseLink } from '../releases/ReleaseLink'
import { DataTable } from '../ui/DataTable'
import { Facts } from '../ui/Facts'
import { More } from '../ui/More'
import { Page, Section } from '../ui/Page'
import { Answer, Empty } from '../ui/states'
import { Status } from '../ui/Status'
import { Took, When } from '../ui/When'
import { Moved } from './Moved'
import { alertQuery, deliveriesQuery, monitorQuery, windowsQuery } from './queries'
import { Seen } from './Seen'
import { Silence } from './Silence'
import { Spans } from './Spans'
import { actionInWords, figure, placeOfChange, ruleInWords } from './words'

export function AlertPage() {
  const { alertId } = useParams({ from: '/frame/alerts/$alertId' })
  const alert = useQuery(alertQuery(alertId))
  const monitor = useQuery({ ...monitorQuery(alert.data?.monitor_id ?? ''), enabled: alert.data !== undefined })
  return (
    <Page
      title={alert.data?.monitor ?? t`Alert`}
      crumbs={[{ label: t`Alerts`, to: '/alerts' }]}
      beside={alert.data && <Status state={alert.data.status} />}
      lead={alert.data?.summary}
      actions={monitor.data && <Silence monitor={monitor.data} />}
      command={sh`treadle alert show ${alertId}`}
      python={`client.alerts.get(${JSON.stringify(alertId)})`}
    >
      <Answer query={alert} what={t`the alert`}>{(data) => <AlertView alert={data} monitor={monitor.data} />}</Answer>
    </Page>
  )
}

function AlertView({ alert, monitor }: { alert: Alert; monitor: Monitor | undefined }) {
  const windows = useQuery({ ...windowsQuery(alert.monitor_id, { at: alert.opened_at, minutes: monitor?.window_minutes ?? 1, goesOn: alert.status === 'firing' }), enabled: monitor !== undefined })
  const fired = windows.data?.find((window) => window.ends_at === alert.opened_at)
  return (
    <>
      <Facts facts={factsOf(alert, monitor, fired)} />
      <Section title={t`The signal around it`}>
        {monitor === undefined ? (
          <Empty title={t`Its monitor is gone`}>{t`What it saw was forgotten with it; the alert stays.`}</Empty>
        ) : (
          <Answer query={windows} what={t`what the monitor saw`}>
            {(seen) =>
              seen.length === 0 ? (
                <Empty title={t`Its windows are no longer kept`} />
              ) : (
                <Seen monitor={monitor} windows={seen} firedAt={alert.opened_at} resolvedAt={alert.resolved_at} />
              )
            }
          </Answer>
        )}
      </Section>
      {fired && <Moved detail={fired.detail} />}
      <Spans alert={alert} />
      <Section title={t`What was changed in the day before`}>
        <DataTable
          caption={t`Changes in the day before`}
          none={t`Nothing was changed in the day before, as far as the audit log knows`}
          rows={alert.changes}
          rowKey={(_, index) => String(index)}
          columns={[
            { head: t`When`, cell: (change) => exact(change.at) },
            { head: t`What`, cell: (change) => <span className="untrusted">{change.words || actionInWords(change.action)}</span>, wide: true },
            { head: t`To`, cell: (change) => <Changed objectId={change.object_id} />, wide: true },
          ]}
        />
      </Section>
      <Deliveries alert={alert} />
    </>
  )
}

function factsOf(alert: Alert, monitor: Monitor | undefined, fired: WindowSeen | undefined): [string, React.ReactNode][] {
  const isDrift = monitor?.rule.kind === 'drift'
  const say = (value: number | null): string | null =>
    value == null ? null : monitor === undefined ? String(value) : isDrift ? `p = ${significant(value, 2)}` : figure(monitor.signal.metric ?? 'requests', value)
  return [
    [t`Value when it fired`, say(alert.value)],
    [t`Bad when`, monitor && ruleInWords(monitor)],
    [t`Spans in that window`, fired && count(fired.spans)],
    [t`Fired`, exact(alert.opened_at)],
    [alert.status === 'firing' ? t`Goes on for` : t`Lasted`, <Took key="lasted" from={alert.opened_at} to={alert.resolved_at} running={alert.status === 'firing'} />],
    [t`Release that explains it most`, alert.release_id == null ? <span key="none" className="dim">{t`none stands out`}</span> : <ReleaseLink key="release" releaseId={alert.release_id} />],
    [t`Monitor`, monitor === undefined ? alert.monitor : <Link key="monitor" to="/monitors/$name" params={{ name: monitor.name }}>{monitor.name}</Link>],
  ]
}

function Changed({ objectId }: { objectId: string }) {
  const place = placeOfChange(objectId)
  if (objectId.startsWith('rel_')) return <ReleaseLink releaseId={objectId} />
  return place === null ? <code>{objectId}</code> : <Link to={place}><code>{objectId}</code></Link>
}

function Deliveries({ alert }: { alert: Alert }) {
  const deliveries = useInfiniteQuery(deliveriesQuery(alert.alert_id))
  return (
    <Section title={t`Who was told`}>
      <More
        query={deliveries}
        counted={(num) => plural(num, { one: '# message', other: '# messages' })}
        quiet
        empty={<Empty title={t`Nobody was told`} command={sh`treadle channel webhook ops https://example.com/hooks/treadle`}>
            {alert.is_told ? t`The monitor had no channel then.` : t`The monitor was silenced, or had no channel.`}{' '}
            <Trans>Make a channel, then name it with <code>--channel</code> when you set the monitor.</Trans>
          </Empty>}
      >
        {(rows) => (
          <DataTable
            caption={t`Messages about this alert`}
            rows={rows}
            rowKey={(delivery) => delivery.delivery_id}
            columns={[
              { head: t`Channel`, cell: (delivery) => delivery.channel },
              { head: t`About`, cell: (delivery) => (delivery.event === 'alert.resolved' ? t`it is over` : t`it fired`) },
              { head: t`State`, cell: (delivery) => <Status state={delivery.status} /> },
              { head: t`Attempts`, cell: (delivery) => count(delivery.attempts), numeric: true },
              { head: t`Last error`, cell: (delivery) => delivery.error ?? <span className="dim">{t`none`}</span>, wide: true },
              { head: t`When`, cell: (delivery) => <When at={delivery.delivered_at ?? delivery.created_at} /> },
            ]}
          />
        )}
      </More>
    </Section>
  )
}
