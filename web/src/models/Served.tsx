/* How large a version is for each engine that can serve it, and how fast it was where that was measured. */
import { plural, t } from '@lingui/core/macro'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Experiment, ModelVersion } from '../api/types'
import { bytes, count, duration, percent } from '../format/numbers'
import { DataTable } from '../ui/DataTable'
import { Section } from '../ui/Page'
import { More } from '../ui/More'
import { Empty } from '../ui/states'
import { Tag } from '../ui/Status'
import { When } from '../ui/When'
import { enginesOf, type ForEngine } from './engines'
import { measuredQuery } from './queries'

export function Served({ version }: { version: ModelVersion }) {
  const engines = enginesOf(version)
  const measured = useInfiniteQuery(measuredQuery(version.model_version_id))
  const serving = engines.find(({ serves }) => serves)?.engine
  return (
    <div className="stack">
      <Section title={t`Size per engine`}>
        {engines.length === 0 ? (
          <Empty title={t`No engine of ours serves it`}>{version.kind === 'provider' ? t`A provider runs this model; we hold a pointer to it.` : t`It holds neither a GGUF nor weights.`}</Empty>
        ) : (
          <DataTable<ForEngine>
            caption={t`Engines, with what each reads`}
            rows={engines}
            rowKey={({ engine }) => engine}
            columns={[
              { head: t`Engine`, cell: ({ engine, serves }) => <>{engine} {serves && <Tag tone="live">{t`serves it here`}</Tag>}</> },
              { head: t`Reads`, cell: ({ reads }) => <code>{reads}</code>, wide: true },
              { head: t`Size`, cell: ({ sizeBytes }) => bytes(sizeBytes), numeric: true },
              { head: t`Precision`, cell: ({ precision }) => precision ?? <span className="dim">{t`not told`}</span> },
              { head: t`Says the same as its weights`, cell: ({ agreement, rows }) => (agreement === null ? <span className="dim">{t`not compared`}</span> : t`${percent(agreement)} of next tokens, ${count(rows)} rows`) },
            ]}
          />
        )}
      </Section>
      <Section title={t`Speed, as experiments measured it`}>
        <More query={measured} counted={(num) => plural(num, { one: '# experiment', other: '# experiments' })} empty={<Empty title={t`Nobody has measured its speed`}>{t`An experiment with this version times every answer.`}</Empty>}>
          {(rows) => (
            <DataTable<Experiment>
              caption={t`Experiments that timed its answers`}
              rows={rows.filter((one) => one.latency_p50_ms !== null)}
              none={t`None of its experiments has ended`}
              rowKey={(one) => one.experiment_id}
              columns={[
                { head: t`Experiment`, cell: (one) => <Link to="/experiments/$experimentId" params={{ experimentId: one.experiment_id }}>{one.name}</Link>, wide: true },
                { head: t`Engine`, cell: () => serving ?? (version.kind === 'provider' ? (version.provider?.provider ?? t`the provider`) : <span className="dim">{t`unknown`}</span>) },
                { head: t`Median answer`, cell: (one) => duration(one.latency_p50_ms), numeric: true },
                { head: t`95 % within`, cell: (one) => duration(one.latency_p95_ms), numeric: true },
                { head: t`Answers`, cell: (one) => count(one.rows_done), numeric: true },
                { head: t`When`, cell: (one) => <When at={one.created_at} /> },
              ]}
            />
          )}
        </More>
      </Section>
    </div>
  )
}
