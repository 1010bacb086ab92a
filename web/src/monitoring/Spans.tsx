/* The traces that an alert is about: the newest of them here, all of them one press away. */
import { t } from '@lingui/core/macro'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Alert } from '../api/types'
import { duration } from '../format/numbers'
import { exact } from '../format/times'
import { asked } from '../traces/content'
import { tracesQuery } from '../traces/queries'
import { DataTable } from '../ui/DataTable'
import { Section } from '../ui/Page'
import { Status } from '../ui/Status'
import { tracesOf } from './words'

const SHOWN = 8

export function Spans({ alert }: { alert: Alert }) {
  const filter = tracesOf(alert)
  const traces = useInfiniteQuery(tracesQuery(filter))
  const newest = traces.data?.pages[0]?.items ?? []
  const rows = [...newest.filter((trace) => trace.status === 'error'), ...newest.filter((trace) => trace.status !== 'error')].slice(0, SHOWN)
  return (
    <Section title={t`The traffic that explains it`} beside={<Link to="/traces" search={filter}>{t`All these traces`}</Link>}>
      <p className="dim">{t`From ${exact(alert.spans.since)} to ${exact(alert.spans.until)}; those that failed first.`}</p>
      <DataTable
        caption={t`Traces that explain it`}
        none={traces.isPending ? t`Loading` : t`None is kept any more`}
        rows={rows}
        rowKey={(trace) => trace.trace_id}
        columns={[
          { head: t`Status`, cell: (trace) => <Status state={trace.status} /> },
          { head: t`Input`, wide: true, cell: (trace) => <Link to="/traces/$traceId" params={{ traceId: trace.trace_id }}><span className="untrusted">{asked(trace.input_text) || trace.name}</span></Link> },
          { head: t`Error`, cell: (trace) => trace.error_code ?? <span className="dim">{t`none`}</span> },
          { head: t`Latency`, cell: (trace) => duration(trace.latency_ms), numeric: true },
        ]}
      />
    </Section>
  )
}
