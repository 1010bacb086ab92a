/* What drift monitors read, window by window and channel by channel: the statistic, the evidence, the decision, and what explains it. */
import { plural, t } from '@lingui/core/macro'
import { NativeSelect } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo } from 'react'
import type { DriftReading } from '../api/types'
import { count, measure, percent } from '../format/numbers'
import { sh } from '../format/shell'
import { exact } from '../format/times'
import { DataTable } from '../ui/DataTable'
import { Facts } from '../ui/Facts'
import { Figure } from '../ui/Figure'
import { More } from '../ui/More'
import { Page, Section } from '../ui/Page'
import { Empty } from '../ui/states'
import { Status } from '../ui/Status'
import { driftMonitorsQuery, readingsQuery } from './drift'
import { ALERTS_TABS } from './tabs'

const ALARM_P = 0.01

type ChannelReading = DriftReading['channels'][number]
type Line = ChannelReading & { at: string }

const DECISIONS: Record<ChannelReading['decision'], { state: string; word: string }> = {
  alarm: { state: 'failed', word: t`Alarm` },
  moved: { state: 'held', word: t`Perhaps moved` },
  same: { state: 'ok', word: t`Not moved` },
  'too few': { state: 'no_data', word: t`Too few rows` },
}

export function DriftPage() {
  const monitors = useInfiniteQuery(driftMonitorsQuery)
  const { monitor: asked } = useSearch({ from: '/frame/drift' })
  const known = monitors.data?.pages.flatMap((page) => page.items) ?? []
  const shown = known.find((monitor) => monitor.name === asked) ?? known[0]
  const navigate = useNavigate()
  return (
    <Page
      title={t`Drift`}
      lead={t`Whether what people ask, what is retrieved, what models answer and how it is scored still looks like a reference.`}
      command={shown ? sh`treadle monitor readings ${shown.name}` : 'treadle monitor list --rule drift'}
      python={shown ? `client.monitors.list_readings(${JSON.stringify(shown.name)})` : 'client.monitors.list_(rule="drift")'}
      tabs={ALERTS_TABS}
    >
      <More
        query={monitors}
        counted={(num) => plural(num, { one: '# drift monitor', other: '# drift monitors' })}
        quiet
        empty={<Empty title={t`Nothing is held against a reference`} command="treadle monitor set texts --drift-from 2026-01-01 --drift-to 2026-01-08 --endpoint support">{t`A monitor of drift compares each window of traffic with a week that was well, and says what has moved.`}</Empty>}
      >
        {(rows) => (
          <>
            {rows.length > 1 && <NativeSelect label={t`Monitor`} size="xs" maw={260} value={shown?.name ?? ''} onChange={(event) => void navigate({ to: '/drift', search: { monitor: event.currentTarget.value } })} data={rows.map(({ name }) => name)} />}
            {shown && <Readings key={shown.name} name={shown.name} state={shown.state} words={shown.words} />}
          </>
        )}
      </More>
    </Page>
  )
}

function Readings({ name, state, words }: { name: string; state: string; words: string }) {
  const readings = useInfiniteQuery(readingsQuery(name))
  return (
    <Section title={name} beside={<div className="row"><Status state={state} /><Link to="/monitors/$name" params={{ name }}>{t`The monitor`}</Link></div>}>
      <p className="untrusted">{words}</p>
      <More query={readings} counted={(num) => plural(num, { one: '# window', other: '# windows' })} empty={<Empty title={t`No window is over yet`}>{t`The first is compared some 15 seconds after it ends.`}</Empty>}>
        {(rows) => <Windows rows={rows} />}
      </More>
    </Section>
  )
}

function Windows({ rows }: { rows: DriftReading[] }) {
  const newest = rows[0]
  const lines = rows.flatMap((reading) => reading.channels.map((channel): Line => ({ ...channel, at: reading.ends_at })))
  const told = lines.filter((line) => line.explanation != null)
  return (
    <>
      {newest && (
        <Facts
          facts={[
            [t`Reference`, t`${exact(newest.reference_since)} to ${exact(newest.reference_until)}`],
            [t`Newest window`, t`${exact(newest.starts_at)} to ${exact(newest.ends_at)}`],
            [t`Requests in it`, count(newest.requests)],
            [t`Said of it`, newest.words],
          ]}
        />
      )}
      <PValues lines={lines} />
      {told.length > 0 && (
        <Section title={t`What is new`}>
          <DataTable
            caption={t`What tells windows from the reference`}
            rows={told}
            rowKey={(line) => `${line.at} ${line.channel}`}
            columns={[
              { head: t`Window`, cell: (line) => exact(line.at) },
              { head: t`Compared`, cell: (line) => line.channel },
              { head: t`Decision`, cell: (line) => <Decision line={line} /> },
              { head: t`Words and figures`, cell: (line) => <WhatIsNew line={line} />, wide: true },
              { head: t`Groups of texts`, cell: (line) => <Clusters line={line} />, wide: true },
              { head: t`Examples`, cell: (line) => <Examples ids={line.explanation?.trace_ids ?? []} channel={line.channel} /> },
            ]}
          />
        </Section>
      )}
    </>
  )
}

/** The adjusted p-values of every channel over time; the table has all that was measured. */
function PValues({ lines }: { lines: Line[] }) {
  const option = useMemo(() => {
    const channels = [...new Set(lines.map((line) => line.channel))]
    return {
      xAxis: { type: 'time' },
      yAxis: { type: 'log', max: 1, axisLabel: { formatter: (value: number) => measure(value) } },
      grid: { top: 44 },
      legend: {},
      tooltip: { trigger: 'axis', confine: true, valueFormatter: (value: unknown) => (typeof value === 'number' ? measure(value) : '') },
      series: channels.map((channel, at) => ({
        name: channel,
        type: 'line',
        symbolSize: 6,
        data: lines.filter((line) => line.channel === channel && line.adjusted_p != null).map((line) => [Date.parse(line.at), line.adjusted_p]),
        markLine: at === 0 ? { silent: true, symbol: 'none', animation: false, label: { formatter: t`two below this are an alarm`, position: 'insideEndTop' }, data: [{ yAxis: ALARM_P }] } : undefined,
      })),
    }
  }, [lines])
  return (
    <Figure
      title={t`How likely it is by chance`}
      words={t`Adjusted p-values of each window: the lower, the less it looks like the reference. Two in a row below 0.01 are an alarm, or evidence of more than 100.`}
      option={option}
      height={260}
      rows={lines}
      columns={[
        { head: t`Window`, cell: (line) => exact(line.at) },
        { head: t`Compared`, cell: (line) => line.channel },
        { head: t`Rows`, cell: (line) => t`${count(line.rows)} with ${count(line.reference_rows)}`, numeric: true },
        { head: t`Statistic (MMD²)`, cell: (line) => figureOf(line.mmd2), numeric: true },
        { head: t`p`, cell: (line) => figureOf(line.p_value), numeric: true },
        { head: t`Adjusted p`, cell: (line) => figureOf(line.adjusted_p), numeric: true },
        { head: t`Evidence (e)`, cell: (line) => figureOf(line.e_value), numeric: true },
        { head: t`Decision`, cell: (line) => <Decision line={line} /> },
      ]}
    />
  )
}

const figureOf = (value: number | null | undefined): string => (value == null ? '' : measure(value))

const REASONS: Record<string, string> = { 'two windows in a row': t`two windows in a row`, 'evidence over many windows': t`evidence over many windows` }

function Decision({ line }: { line: Line }) {
  const look = DECISIONS[line.decision]
  return <><Status state={look.state} word={look.word} />{line.reason !== '' && <div className="dim">{REASONS[line.reason] ?? line.reason}</div>}</>
}

function WhatIsNew({ line: { explanation } }: { line: Line }) {
  const terms = (explanation?.terms ?? []).slice(0, 8).map(({ term, window_share, reference_share }) => t`${term} (${percent(window_share, 0)}, was ${percent(reference_share, 0)})`)
  const figures = (explanation?.figures ?? []).map(({ name, reference, window }) => t`${name} ${measure(window)}, was ${measure(reference)}`)
  const said = [...terms, ...figures]
  return said.length === 0 ? <span className="dim">{t`nothing stands out`}</span> : <span className="untrusted">{said.join(' · ')}</span>
}

function Clusters({ line: { explanation } }: { line: Line }) {
  const clusters = explanation?.clusters ?? []
  if (clusters.length === 0) return <span className="dim">{t`none`}</span>
  return (
    <ul style={{ margin: 0, paddingInlineStart: '1rem' }}>
      {clusters.map((cluster) => (
        <li key={cluster.trace_id}><Link to="/traces/$traceId" params={{ traceId: cluster.trace_id }}>{t`like this one`}</Link>: {t`${percent(cluster.window_share, 0)}, was ${percent(cluster.reference_share, 0)}`}</li>
      ))}
    </ul>
  )
}

function Examples({ ids, channel }: { ids: readonly string[]; channel: string }) {
  if (ids.length === 0) return <span className="dim">{t`none`}</span>
  return (
    <span className="row">
      {ids.map((traceId, index) => <Link key={traceId} to="/traces/$traceId" params={{ traceId }}>{index + 1}<span className="hidden-visually">. {t`example of ${channel}`}</span></Link>)}
    </span>
  )
}
