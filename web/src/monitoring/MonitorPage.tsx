/* One monitor: where it stands and why, what it saw lately, its alerts, and how to silence it. */
import { plural, t } from '@lingui/core/macro'
import { Button } from '@mantine/core'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useNavigate, useParams } from '@tanstack/react-router'
import type { Monitor } from '../api/types'
import { sh } from '../format/shell'
import { exact } from '../format/times'
import { useMay } from '../governance/queries'
import { Confirm } from '../ui/Confirm'
import { Facts } from '../ui/Facts'
import { More } from '../ui/More'
import { Page, Section } from '../ui/Page'
import { Answer, Empty, Loading } from '../ui/states'
import { Status } from '../ui/Status'
import { When } from '../ui/When'
import { AlertsTable } from './AlertsTable'
import { MonitorForm } from './MonitorForm'
import { alertsQuery, monitorQuery, useRemoveMonitor, windowsQuery } from './queries'
import { Seen } from './Seen'
import { Silence } from './Silence'
import { ruleInWords, watchedInWords } from './words'

export function MonitorPage() {
  const { name } = useParams({ from: '/frame/monitors/$name' })
  const remove = useRemoveMonitor(name)
  // What is being removed is asked for no more: it would be a failure on the page that is being left.
  const isLeaving = remove.isPending || remove.isSuccess
  const monitor = useQuery({ ...monitorQuery(name), enabled: !isLeaving })
  const said = monitor.data
  const may = useMay('monitors.write')
  return (
    <Page
      title={said?.name ?? name}
      crumbs={[{ label: t`Alerts`, to: '/alerts' }]}
      beside={said && <Status state={said.state} />}
      actions={said && <>{may && <MonitorForm monitor={said} />}<Silence monitor={said} />{may && <RemoveMonitor name={said.name} remove={() => remove.mutateAsync()} />}</>}
      lead={said && said.words}
      command={sh`treadle monitor show ${said?.name ?? name}`}
      python={`client.monitors.get(${JSON.stringify(said?.name ?? name)})`}
    >
      {isLeaving ? <Loading what={t`the monitor`} /> : <Answer query={monitor} what={t`the monitor`}>{(data) => <MonitorView monitor={data} />}</Answer>}
    </Page>
  )
}

function MonitorView({ monitor }: { monitor: Monitor }) {
  const windows = useQuery(windowsQuery(monitor.name))
  const alerts = useInfiniteQuery(alertsQuery({ monitor: monitor.name }))
  return (
    <>
      <Facts
        facts={[
          [t`Watches`, watchedInWords(monitor.signal, monitor.rule.kind === 'drift')],
          [t`Bad when`, ruleInWords(monitor)],
          [t`Fires after`, plural(monitor.fire_after, { one: '# bad window', other: '# bad windows' })],
          [t`Over after`, plural(monitor.clear_after, { one: '# good window', other: '# good windows' })],
          [t`Without data`, monitor.alert_on_silence ? t`counts as bad` : t`changes nothing`],
          [t`Tells`, monitor.channels.length > 0 ? monitor.channels.join(', ') : t`nobody`],
          [t`Silent until`, monitor.silenced_until && exact(monitor.silenced_until)],
          [t`In this state since`, <When key="since" at={monitor.condition_since} />],
        ]}
      />
      <Section title={t`What it saw`}>
        <Answer query={windows} what={t`its windows`}>
          {(seen) => (seen.length === 0 ? <Empty title={t`No window is over yet`}>{t`The first is looked at some 15 seconds after it ends.`}</Empty> : <Seen monitor={monitor} windows={seen} />)}
        </Answer>
      </Section>
      <Section title={t`Its alerts`}>
        <More query={alerts} counted={(num) => plural(num, { one: '# alert', other: '# alerts' })} empty={<Empty title={t`It has never fired`} />}>
          {(rows) => <AlertsTable rows={rows} caption={t`Alerts of ${monitor.name}`} />}
        </More>
      </Section>
    </>
  )
}

function RemoveMonitor({ name, remove }: { name: string; remove: () => Promise<unknown> }) {
  const navigate = useNavigate()
  return (
    <Confirm
      title={t`Remove ${name}?`}
      words={t`What it saw is forgotten with it; its alerts stay.`}
      command={sh`treadle monitor remove ${name}`}
      confirm={t`Remove it`}
      danger
      run={async () => {
        await remove()
        void navigate({ to: '/alerts' })
      }}
    >
      {(open) => <Button size="xs" variant="default" onClick={open}>{t`Remove`}</Button>}
    </Confirm>
  )
}
