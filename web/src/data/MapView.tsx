/* The texts of a version as a map: near means alike. What a colour says, a shape says too; the table has every point, and a point
   leads to its row. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { NativeSelect } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { api, body } from '../api/client'
import type { DatasetVersion, EmbeddingMap, MapPoint } from '../api/types'
import { count, fixed, percent } from '../format/numbers'
import { sh } from '../format/shell'
import { DataTable } from '../ui/DataTable'
import { Facts } from '../ui/Facts'
import { Figure } from '../ui/Figure'
import { Panel, Section } from '../ui/Page'
import { Answer } from '../ui/states'
import { Untrusted } from '../ui/text'
import { seriesOf, type ColourBy } from './mapping'
import { mapQuery } from './queries'
import { StartWork } from './StartWork'

const HERE = '/datasets/$name/versions/$version'
const WAYS: { value: ColourBy; label: string }[] = [{ value: 'label', label: t`expected output` }, { value: 'group', label: t`group` }, { value: 'part', label: t`part` }]

export function MapView({ of }: { of: DatasetVersion }) {
  const { dataset: name, version } = of
  const map = useQuery({ ...mapQuery(name, String(version)), enabled: of.has_map === true })
  if (!of.has_map)
    return (
      <StartWork
        title={t`Not drawn yet`}
        words={t`A map lays the texts out so that those that say alike things lie together: groups, gaps and rows on the wrong side show at a glance. It reads up to 1,500 rows and takes seconds to half a minute.`}
        command={sh`treadle data map ${name} --version ${String(version)}`}
        button={t`Draw the map`}
        start={() => body(api.POST('/api/v1/datasets/{name}/versions/{version}/map', { params: { path: { name, version: String(version) } } }))}
      />
    )
  return <Answer query={map} what={t`the map`}>{(data) => <Drawn of={of} map={data} />}</Answer>
}

function Drawn({ of, map }: { of: DatasetVersion; map: EmbeddingMap }) {
  const { by: said } = useSearch({ from: `/frame${HERE}` })
  const navigate = useNavigate()
  const params = { name: of.dataset, version: String(of.version) }
  const ways = WAYS.filter(({ value }) => value === 'group' || map.points.some((point) => point[value] != null))
  const by = ways.find(({ value }) => value === said)?.value ?? ways[0]?.value ?? 'group'
  const series = useMemo(() => seriesOf(map, by), [map, by])
  const [picked, setPicked] = useState<MapPoint | null>(null)
  const option = useMemo(() => optionOf(series), [series])
  const named = new Map(map.groups.map(({ group, name }) => [group, name]))
  const rowLink = (point: MapPoint) => <Link to={HERE} params={params} search={{ row: String(point.row) }}>{point.row}</Link>
  return (
    <div className="stack">
      <Facts
        facts={[
          [t`Rows drawn`, map.num_drawn < map.num_rows ? t`${count(map.num_drawn)} of ${count(map.num_rows)}` : count(map.num_drawn)],
          [t`Groups`, count(map.groups.length)],
          [t`Neighbours kept`, map.neighbours_kept == null ? null : percent(map.neighbours_kept, 0)],
          [t`Read by`, map.embedder],
        ]}
      />
      <Section title={t`Rows by what they say`}>
        <div><NativeSelect label={t`Shapes and colours show`} size="xs" w={220} value={by} onChange={(event) => void navigate({ to: HERE, params, search: { tab: 'map', by: event.currentTarget.value }, resetScroll: false })} data={ways} /></div>
        <Figure
          title={t`Map of the texts`}
          words={t`Near means alike; how far apart groups lie means little. Press a point to see its row.`}
          option={option}
          height={520}
          onPick={(at, point) => setPicked(series[at]?.points[point] ?? null)}
          rows={map.points}
          columns={[
            { head: t`Row`, cell: rowLink, numeric: true },
            { head: t`Begins`, cell: (point) => <Untrusted text={point.excerpt} />, wide: true },
            { head: t`Expected output`, cell: (point) => point.label ?? <span className="dim">{t`none`}</span> },
            { head: t`Group`, cell: (point) => `${point.group}: ${named.get(point.group) ?? ''}` },
            { head: t`Across, up`, cell: (point) => `${fixed(point.x, 2)}; ${fixed(point.y, 2)}`, numeric: true },
          ]}
          below={
            picked && (
              <Panel>
                <p role="status"><Trans>Row {rowLink(picked)}{picked.label !== null && <>, <strong>{picked.label}</strong></>}, group {picked.group} ({named.get(picked.group)}): <Untrusted text={picked.excerpt} /></Trans></p>
              </Panel>
            )
          }
        />
      </Section>
      <Section title={t`Groups`}>
        <DataTable
          caption={t`Groups of like rows`}
          rows={map.groups}
          rowKey={(group) => String(group.group)}
          columns={[
            { head: t`Group`, cell: (group) => group.group },
            { head: t`Words that set it apart`, cell: (group) => group.name, wide: true },
            { head: t`Rows`, cell: (group) => count(group.num_rows), numeric: true },
          ]}
        />
      </Section>
    </div>
  )
}

function optionOf(series: ReturnType<typeof seriesOf>) {
  return {
    xAxis: { type: 'value', min: -0.03, max: 1.03, axisLabel: { show: false }, axisLine: { show: false }, splitLine: { show: false } },
    yAxis: { type: 'value', min: -0.03, max: 1.03, axisLabel: { show: false }, axisLine: { show: false }, splitLine: { show: false } },
    tooltip: { show: false },
    legend: { type: 'plain', itemWidth: 12 },
    grid: { top: 20 + 22 * Math.ceil(series.length / 4) },
    series: series.map(({ name, symbol, points }) => ({ name, type: 'scatter', symbol, symbolSize: 8, cursor: 'pointer', itemStyle: { opacity: 0.8 }, data: points.map(({ x, y }) => [x, y]) })),
  }
}
