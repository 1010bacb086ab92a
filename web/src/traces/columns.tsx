/* The columns that a list of traces can have, and those it has unless somebody chose others. */
import { t } from '@lingui/core/macro'
import { Link } from '@tanstack/react-router'
import { Fragment } from 'react'
import type { Trace } from '../api/types'
import { count, duration, usd } from '../format/numbers'
import { ReleaseLink } from '../releases/ReleaseLink'
import type { Column } from '../ui/DataTable'
import { Status } from '../ui/Status'
import { When } from '../ui/When'
import { asked } from './content'
import type { Sort } from './queries'
import { Scores } from './Scores'

const NONE = <span className="dim">{t`none`}</span>

export const COLUMNS: Record<string, Column<Trace>> = {
  when: { head: t`When`, cell: (trace) => <When at={trace.started_at} /> },
  input: { head: t`Input`, wide: true, cell: (trace) => <><Link to="/traces/$traceId" params={{ traceId: trace.trace_id }}><span className="untrusted">{asked(trace.input_text) || trace.name}</span></Link>{!trace.has_root && <div className="dim">{t`its root has not come`}</div>}</> },
  output: { head: t`Output`, cell: (trace) => (trace.output_text ? <span className="untrusted">{trace.output_text}</span> : NONE) },
  name: { head: t`Name`, cell: (trace) => <Link to="/traces/$traceId" params={{ traceId: trace.trace_id }}>{trace.name}</Link> },
  status: { head: t`Status`, cell: (trace) => <><Status state={trace.status} />{trace.error_code && <Code name={trace.error_code} />}</> },
  endpoint: { head: t`Endpoint`, cell: (trace) => (trace.endpoint ? <>{trace.endpoint}{trace.arm && <div className="dim">{trace.arm}</div>}</> : NONE) },
  release: { head: t`Release`, cell: (trace) => (trace.release_id ? <ReleaseLink releaseId={trace.release_id} /> : NONE) },
  session: { head: t`Session`, cell: (trace) => (trace.session_id ? <Link to="/sessions/$name" params={{ name: trace.session_id }}><span className="untrusted">{trace.session_id}</span></Link> : NONE) },
  scores: { head: t`Scores`, cell: (trace) => <Scores scores={trace.scores} /> },
  latency: { head: t`Latency`, cell: (trace) => duration(trace.latency_ms), numeric: true },
  first_token: { head: t`First token`, cell: (trace) => (trace.time_to_first_token_ms == null ? <span className="dim">{t`not streamed`}</span> : duration(trace.time_to_first_token_ms)), numeric: true },
  tokens: { head: t`Tokens`, cell: (trace) => (trace.input_tokens == null && trace.output_tokens == null ? <span className="dim">{t`unknown`}</span> : `${count(trace.input_tokens)} → ${count(trace.output_tokens)}`), numeric: true },
  cost: { head: t`Cost`, cell: (trace) => (trace.cost_usd == null ? <span className="dim">{t`unknown`}</span> : trace.unpriced_count > 0 ? t`at least ${usd(trace.cost_usd)}` : usd(trace.cost_usd)), numeric: true },
}

export const USUAL: readonly string[] = ['when', 'input', 'output', 'status', 'endpoint', 'scores', 'latency', 'tokens']

/** Columns that a list can be in order of, the largest first. */
export const ORDERS: Readonly<Record<string, Sort>> = { when: 'newest', latency: 'latency', cost: 'cost' }

/** Columns by name; names that nothing here has are left out, and none at all are the usual ones. */
export function columnsOf(names: readonly string[]): [name: string, column: Column<Trace>][] {
  const known = names.filter((name) => COLUMNS[name] !== undefined)
  return (known.length > 0 ? known : USUAL).flatMap((name) => {
    const column = COLUMNS[name]
    return column === undefined ? [] : [[name, column]]
  })
}

/** The stable name of an error; where it is too long for its column it breaks after an underscore. */
function Code({ name }: { name: string }) {
  const parts = name.split('_')
  return <div className="dim">{parts.map((part, index) => <Fragment key={index}>{index > 0 && <>_<wbr /></>}{part}</Fragment>)}</div>
}
