/* One schedule: what sets it off, how near that is, and every time that it went. */
import { plural, t } from '@lingui/core/macro'
import { Button } from '@mantine/core'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams } from '@tanstack/react-router'
import type { Schedule } from '../api/types'
import { count } from '../format/numbers'
import { sh } from '../format/shell'
import { useMay } from '../governance/queries'
import { Confirm } from '../ui/Confirm'
import { DataTable } from '../ui/DataTable'
import { Facts } from '../ui/Facts'
import { More } from '../ui/More'
import { Page, Section } from '../ui/Page'
import { Answer, Empty, Loading } from '../ui/states'
import { Status } from '../ui/Status'
import { When } from '../ui/When'
import { firingsQuery, scheduleQuery, useRemoveSchedule } from './queries'
import { ScheduleForm } from './ScheduleForm'
import { howNear, setOffBy } from './words'

export function SchedulePage() {
  const { name } = useParams({ from: '/frame/schedules/$name' })
  const remove = useRemoveSchedule(name)
  // What is being removed is asked for no more: it would be a failure on the page that is being left.
  const isLeaving = remove.isPending || remove.isSuccess
  const schedule = useQuery({ ...scheduleQuery(name), enabled: !isLeaving })
  const may = useMay('jobs.write')
  const navigate = useNavigate()
  return (
    <Page
      title={name}
      crumbs={[{ label: t`Schedules`, to: '/schedules' }]}
      beside={schedule.data && (schedule.data.is_on ? <Status state="ok" word={t`On`} /> : <Status state="off" />)}
      actions={may && schedule.data && (
          <>
            <ScheduleForm schedule={schedule.data} />
            <Confirm
              title={t`Remove ${name}?`}
              words={t`Turns that it began go on; it begins no more.`}
              command={sh`treadle schedule remove ${name}`}
              confirm={t`Remove it`}
              danger
              run={async () => {
                await remove.mutateAsync()
                void navigate({ to: '/schedules' })
              }}
            >
              {(open) => <Button size="sm" variant="default" onClick={open}>{t`Remove`}</Button>}
            </Confirm>
          </>
        )}
      command={sh`treadle schedule show ${name}`}
      python={`client.schedules.get(${JSON.stringify(name)})`}
    >
      {isLeaving ? <Loading what={t`the schedule`} /> : <Answer query={schedule} what={t`the schedule`}>{(data) => <ScheduleView schedule={data} />}</Answer>}
    </Page>
  )
}

function ScheduleView({ schedule }: { schedule: Schedule }) {
  const firings = useInfiniteQuery(firingsQuery(schedule.name))
  return (
    <>
      <Facts
        facts={[
          [t`Turn`, schedule.turn],
          [t`Goes`, setOffBy(schedule)],
          [t`How near`, howNear(schedule)],
          [t`At most`, t`every ${count(schedule.at_most_every_hours ?? 24)} h`],
          [t`Then`, schedule.ask_before_release ? t`waits for a person’s approval` : t`releases what passed the gate`],
          [t`Fine-tunes`, schedule.method === 'lora' ? t`an adapter (LoRA)` : t`all weights`],
          [t`Monitor`, schedule.monitor && <Link key="monitor" to="/monitors/$name" params={{ name: schedule.monitor }}>{schedule.monitor}</Link>],
          [t`Went last`, <When key="last" at={schedule.last_fired_at} />],
        ]}
      />
      <Section title={t`Every time that it went`}>
        <More query={firings} counted={(num) => plural(num, { one: '# time', other: '# times' })} empty={<Empty title={t`It has not gone yet`}>{t`It goes ${setOffBy(schedule)}.`}</Empty>}>
          {(rows) => (
            <DataTable
              caption={t`Every time that it went`}
              rows={rows}
              rowKey={(firing) => String(firing.number)}
              columns={[
                { head: t`When`, cell: (firing) => <When at={firing.fired_at} /> },
                { head: t`Why`, cell: (firing) => <>{firing.words} {firing.alert_id && <Link to="/alerts/$alertId" params={{ alertId: firing.alert_id }}>{t`the alert`}</Link>}</>, wide: true },
                { head: t`Corrected`, cell: (firing) => count(firing.num_corrected), numeric: true },
                { head: t`Turn`, cell: (firing) => <Link to="/runs/$runId" params={{ runId: firing.run_id }}>{t`its run`}</Link> },
              ]}
            />
          )}
        </More>
      </Section>
    </>
  )
}
