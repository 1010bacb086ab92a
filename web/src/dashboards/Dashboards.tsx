/* What live traffic came to: the built-in dashboards and the charts that people keep, over a time and for an endpoint that stand in
   the address. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { NativeSelect, SegmentedControl } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { endpointsFound } from '../releases/queries'
import { byName, NamePick } from '../ui/NamePick'
import { Page, Section } from '../ui/Page'
import { Answer, Empty } from '../ui/states'
import { useMay } from '../governance/queries'
import { ChartForm, RemoveChart } from './ChartForm'
import { ChartOf } from './ChartOf'
import { chartQuery, dashboardsQuery } from './queries'
import { RANGE_CHOICES, rangeOf, usualRange } from './ranges'

/** The dashboard of charts that people keep. */
const SAVED = 'saved'

export function Dashboards() {
  const search = useSearch({ from: '/frame/dashboards' })
  const navigate = useNavigate()
  const dashboards = useQuery(dashboardsQuery)
  const day = useQuery({ ...chartQuery({ signal: { metric: 'requests' }, by: null }, '24h', search.endpoint), enabled: search.range === undefined })
  const range = search.range === undefined ? usualRange(day.data?.data.lines ?? [], day.data?.span) : rangeOf(search.range)
  const traffic = useQuery(chartQuery({ signal: { metric: 'requests' }, by: null }, range, search.endpoint))
  const may = useMay('monitors.write')
  const set = (part: typeof search): void => void navigate({ to: '/dashboards', search: { ...search, ...part } })
  const chosen = search.endpoint
  return (
    <Page title={t`Dashboards`} lead={t`What live traffic came to: requests, errors, latency, cost, quality.`} actions={may && <ChartForm saved={() => set({ board: SAVED })} />} command="treadle dashboard list" python="client.dashboards.list_()">
      <Answer query={dashboards} what={t`dashboards`}>
        {(boards) => {
          const board = boards.find(({ name }) => name === search.board) ?? boards[0]
          return (
            <>
              <div className="row" style={{ alignItems: 'flex-end' }} role="search" aria-label={t`Choose what is shown`}>
                <SegmentedControl
                  size="xs"
                  aria-label={t`Dashboard`}
                  value={board?.name ?? ''}
                  onChange={(name) => set({ board: name })}
                  data={boards.map(({ name, title }) => ({ value: name, label: title }))}
                />
                <NativeSelect label={t`Time`} size="xs" value={range} onChange={(event) => set({ range: event.currentTarget.value })} data={RANGE_CHOICES} />
                <NamePick label={t`Endpoint`} size="xs" none={t`All`} found={endpointsFound} choiceOf={byName} value={chosen ?? ''} onChange={(endpoint) => set({ endpoint: endpoint || undefined })} />
              </div>
              {traffic.data?.data.lines.length === 0 && (
                <Empty title={t`No traffic in this time`} command="treadle demo">
                  {chosen === undefined ? <Trans>Choose a longer time, or <Link to="/traces" search={{}}>send the first trace</Link>.</Trans> : <Trans>Choose a longer time, or <Link to="/dashboards" search={{ ...search, endpoint: undefined }}>all endpoints</Link>.</Trans>}{' '}
                  {t`Charts fill a minute after the first request.`}
                </Empty>
              )}
              {board && (
                <Section title={board.title}>
                  {board.charts.length === 0 ? (
                    <Empty title={t`No chart is kept yet`}>{t`A chart that somebody keeps stands here for everybody.`}</Empty>
                  ) : (
                    <div className="columns">
                      {board.charts.map((chart) => (
                        <ChartOf
                          key={chart.name}
                          chart={chart}
                          range={range}
                          endpoint={chosen}
                          isKept={board.name === SAVED}
                          below={board.name === SAVED && may && <div className="row"><ChartForm chart={chart} /><RemoveChart chart={chart} /></div>}
                        />
                      ))}
                    </div>
                  )}
                </Section>
              )}
            </>
          )
        }}
      </Answer>
    </Page>
  )
}
