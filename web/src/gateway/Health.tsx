/* How what requests are sent to stands: breakers, failures and speed, over all workers of the gateway and one by one. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, NativeSelect } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import type { Target, WorkerView } from '../api/types'
import { count, duration } from '../format/numbers'
import { sh, withArguments, withOptions } from '../format/shell'
import { useMay } from '../governance/queries'
import { ModelLink } from '../models/ModelLink'
import { Confirm } from '../ui/Confirm'
import { DataTable } from '../ui/DataTable'
import { Filters, FilterText } from '../ui/Filter'
import { More } from '../ui/More'
import { Page, Section } from '../ui/Page'
import { Empty } from '../ui/states'
import { Status } from '../ui/Status'
import { When } from '../ui/When'
import { BREAKERS, FAILURES } from './breakers'
import { TARGET_STATES, targetsQuery, useResetBreaker, type TargetFilter } from './standing'
import { GATEWAY_TABS } from './tabs'

export function Health() {
  const filter = useSearch({ from: '/frame/gateway/health' })
  const navigate = useNavigate()
  const targets = useInfiniteQuery(targetsQuery(filter))
  const set = (part: TargetFilter): void => void navigate({ to: '/gateway/health', search: { ...filter, ...part } })
  const filtered = filter.state !== undefined || filter.provider !== undefined
  return (
    <Page title={t`Health`} lead={t`What requests are sent to, and how it answers of late. A target that keeps failing is left alone for a while, then tried with a single request.`} command={withOptions('treadle gateway health', filter)} python={withArguments('client.gateway.health', filter)} tabs={GATEWAY_TABS}>
      <Filters label={t`Filter targets`} clear={filtered && <Link to="/gateway/health" search={{}}>{t`Clear`}</Link>}>
        <NativeSelect label={t`Breaker`} size="xs" value={filter.state ?? ''} onChange={(event) => set({ state: TARGET_STATES.find((known) => known === event.currentTarget.value) })} data={[{ value: '', label: t`Any` }, ...TARGET_STATES.map((state) => ({ value: state, label: BREAKERS[state].word }))]} />
        <FilterText label={t`Provider`} value={filter.provider ?? ''} onApply={(provider) => set({ provider: provider || undefined })} />
      </Filters>
      <More
        query={targets}
        counted={(num) => plural(num, { one: '# target', other: '# targets' })}
        empty={filtered ? <Empty title={t`No target matches`}><Link to="/gateway/health" search={{}}>{t`Show all targets`}</Link></Empty> : <Empty title={t`Requests go nowhere yet`} command="treadle endpoint create support --release ID">{t`An endpoint sends requests to the targets of its release; they show up here.`}</Empty>}
      >
        {(rows) => <Targets rows={rows} />}
      </More>
    </Page>
  )
}

function Targets({ rows }: { rows: Target[] }) {
  const may = useMay('providers.write')
  const workers = rows.flatMap((target) => target.workers.map((worker) => ({ ...worker, target: target.target })))
  return (
    <>
      <DataTable
        caption={t`Targets`}
        rows={rows}
        rowKey={(target) => target.target}
        columns={[
          { head: t`Target`, cell: (target) => <Name target={target} />, wide: true },
          { head: t`Endpoints`, cell: (target) => <Endpoints names={target.endpoints} /> },
          { head: t`Breaker`, cell: (target) => <Breaker state={target.state} /> },
          { head: t`Failed of late`, cell: (target) => (target.attempts_lately === 0 ? <span className="dim">{t`nothing asked`}</span> : t`${count(target.failures_lately)} of ${count(target.attempts_lately)}`), numeric: true },
          { head: t`Latency`, cell: (target) => (target.latency_ms == null ? <span className="dim">{t`not measured`}</span> : duration(target.latency_ms)), numeric: true },
          { head: t`Last failure`, cell: (target) => <LastFailure kind={target.last_failure} at={target.last_failed_at} /> },
          { head: t`Tried again`, cell: (target) => (target.probe_at == null ? <span className="dim">{t`always`}</span> : <When at={target.probe_at} />) },
          ...(may ? [{ head: t`Change`, cell: (target: Target) => <Reset target={target} /> }] : []),
        ]}
      />
      {workers.length > 0 && (
        <Section title={t`Worker by worker`}>
          <p className="dim">{t`Each worker of the gateway has its own breakers. One that was not heard of for half a minute is left out.`}</p>
          <DataTable
            caption={t`What each worker knows`}
            rows={workers}
            rowKey={(worker) => `${worker.worker_id} ${worker.target}`}
            columns={[
              { head: t`Worker`, cell: (worker) => <span title={worker.worker_id}>{worker.host} <span className="dim">{worker.pid}</span></span> },
              { head: t`Target`, cell: (worker) => <span className="untrusted">{worker.target}</span>, wide: true },
              { head: t`Breaker`, cell: (worker) => <Breaker state={worker.state} asked={worker.is_reset_asked} /> },
              { head: t`Under way`, cell: (worker) => count(worker.in_flight), numeric: true },
              { head: t`Failed`, cell: (worker) => t`${count(worker.failures)} of ${count(worker.attempts)}`, numeric: true },
              { head: t`First token (p95)`, cell: (worker: WorkerView & { target: string }) => (worker.first_token_p95_ms == null ? <span className="dim">{t`not measured`}</span> : duration(worker.first_token_p95_ms)), numeric: true },
              { head: t`Said`, cell: (worker) => <When at={worker.reported_at} /> },
            ]}
          />
        </Section>
      )}
    </>
  )
}

function Name({ target }: { target: Target }) {
  if (target.provider === 'engine') return <ModelLink modelVersionId={target.model} />
  return <span className="untrusted" style={{ overflowWrap: 'anywhere' }}>{target.target}</span>
}

function Endpoints({ names }: { names: readonly string[] }) {
  if (names.length === 0) return <span className="dim">{t`none any more`}</span>
  return <>{names.map((name, at) => <span key={name}>{at > 0 && ', '}<Link to="/endpoints/$name" params={{ name }}>{name}</Link></span>)}</>
}

function Breaker({ state, asked = false }: { state: Target['state']; asked?: boolean }) {
  const look = BREAKERS[state]
  return <><Status state={look.state} word={look.word} />{asked && <span className="dim"> {t`told to ask it again`}</span>}</>
}

function LastFailure({ kind, at }: { kind: Target['last_failure']; at: string | null }) {
  if (kind == null) return <span className="dim">{t`none`}</span>
  return <>{FAILURES[kind]}<div className="dim"><When at={at} /></div></>
}

function Reset({ target }: { target: Target }) {
  const reset = useResetBreaker(target.target)
  if (target.state === 'closed' || target.state === 'unused') return <span className="dim">{t`nothing to close`}</span>
  return (
    <Confirm title={t`Ask ${target.target} again now?`} words={t`Every worker closes its breaker within two seconds. Should requests fail, it opens again.`} command={sh`treadle gateway reset ${target.target}`} confirm={t`Ask it again`} run={() => reset.mutateAsync()}>
      {(open) => <Button size="compact-xs" variant="default" onClick={open}><Trans>Ask again<span className="hidden-visually"> {target.target}</span></Trans></Button>}
    </Confirm>
  )
}
