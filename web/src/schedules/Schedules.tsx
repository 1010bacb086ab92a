/* The list of schedules: when turns go by themselves, and how near they are. */
import { plural, t } from '@lingui/core/macro'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useMay } from '../governance/queries'
import { PIPELINES_TABS } from '../pipelines/tabs'
import { DataTable } from '../ui/DataTable'
import { More } from '../ui/More'
import { Page } from '../ui/Page'
import { Empty } from '../ui/states'
import { Status } from '../ui/Status'
import { When } from '../ui/When'
import { schedulesQuery } from './queries'
import { ScheduleForm } from './ScheduleForm'
import { howNear, setOffBy } from './words'

export function Schedules() {
  const schedules = useInfiniteQuery(schedulesQuery)
  const may = useMay('jobs.write')
  return (
    <Page
      title={t`Schedules`}
      lead={t`When a turn goes by itself: at so many corrected answers, or when a monitor fires.`}
      actions={may && <ScheduleForm />}
      command="treadle schedule list"
      python="client.schedules.list_()"
      tabs={PIPELINES_TABS}
    >
      <More
        query={schedules}
        counted={(num) => plural(num, { one: '# schedule', other: '# schedules' })}
        empty={<Empty title={t`Nothing goes by itself yet`} command="treadle schedule put learn --turn support --corrected 500">{t`A schedule runs the turn again once people have corrected enough, and asks before it releases anything.`}</Empty>}
      >
        {(rows) => (
          <DataTable
            caption={t`Schedules`}
            rows={rows}
            rowKey={(schedule) => schedule.schedule_id}
            columns={[
              { head: t`State`, cell: (schedule) => (schedule.is_on ? <Status state="ok" word={t`On`} /> : <Status state="off" />) },
              { head: t`Name`, cell: ({ name }) => <Link to="/schedules/$name" params={{ name }}>{name}</Link> },
              { head: t`Turn`, cell: (schedule) => schedule.turn },
              { head: t`Goes`, cell: setOffBy, wide: true },
              { head: t`How near`, cell: howNear },
              { head: t`Then`, cell: (schedule) => (schedule.ask_before_release ? t`asks before release` : t`releases what passed the gate`) },
              { head: t`Went last`, cell: (schedule) => <When at={schedule.last_fired_at} /> },
            ]}
          />
        )}
      </More>
    </Page>
  )
}
