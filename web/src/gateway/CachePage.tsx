/* What the cache did for each endpoint, how often a similar answer was wrong, and what is answered without asking. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, NativeSelect, NumberInput } from '@mantine/core'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { CacheStats, Endpoint } from '../api/types'
import { bytes, count, percent } from '../format/numbers'
import { sh } from '../format/shell'
import { useMay } from '../governance/queries'
import { endpointsQuery } from '../releases/queries'
import { Confirm } from '../ui/Confirm'
import { DataTable } from '../ui/DataTable'
import { Dialog } from '../ui/Dialog'
import { oneOf } from '../ui/fieldNames'
import { useFormPlace } from '../ui/FormPlace'
import { More } from '../ui/More'
import { Page } from '../ui/Page'
import { Empty } from '../ui/states'
import { Status } from '../ui/Status'
import { cacheQuery, useChangeEndpoint, useClearCache } from './queries'
import { GATEWAY_TABS } from './tabs'
import { cachedHow, type Settings } from './words'

const MODES = { off: t`Nothing`, exact: t`Exactly the same request`, semantic: t`A similar request, too` } as const

const NAMES = {
  'cache.mode': oneOf(t`What is answered without asking`, MODES), 'cache.ttl_seconds': t`For so many seconds`, 'cache.threshold': t`From this similarity on`,
  'cache.max_wrong_rate': t`Share of similar answers that may be wrong`,
}

export function CachePage() {
  const endpoints = useInfiniteQuery(endpointsQuery)
  const stats = useQuery(cacheQuery)
  const of = new Map(stats.data?.map((one) => [one.endpoint, one]))
  const may = useMay('releases.write')
  return (
    <Page title={t`Cache`} lead={t`What is answered again without asking anybody. Some similar answers are asked for all the same, to know how often they are wrong.`} command="treadle cache stats" python="client.cache.list_stats()" tabs={GATEWAY_TABS}>
      <More query={endpoints} counted={(num) => plural(num, { one: '# endpoint', other: '# endpoints' })} empty={<Empty title={t`No endpoint yet`} command="treadle endpoint create support">{t`Each endpoint says for itself what may be answered again.`}</Empty>}>
        {(rows) => (
          <DataTable
            caption={t`Cache of each endpoint`}
            rows={rows}
            rowKey={(endpoint) => endpoint.endpoint_id}
            columns={[
              { head: t`Endpoint`, cell: ({ name }) => <Link to="/endpoints/$name" params={{ name }}>{name}</Link> },
              { head: t`Answers again`, cell: (endpoint) => cachedHow(endpoint.settings?.cache), wide: true },
              { head: t`Hit rate`, cell: ({ name }) => <Hits stats={of.get(name)} />, numeric: true },
              { head: t`Answers kept`, cell: ({ name }) => { const kept = of.get(name); return kept ? `${count(kept.entries)}, ${bytes(kept.size_bytes)}` : <span className="dim">{t`none`}</span> }, numeric: true },
              { head: t`Similar ones wrong`, cell: ({ name }) => <Wrong stats={of.get(name)} /> },
              ...(may ? [{ head: t`Change`, cell: (endpoint: Endpoint) => <div className="row"><CacheForm endpoint={endpoint} />{(of.get(endpoint.name)?.entries ?? 0) > 0 && <Clear endpoint={endpoint.name} />}</div> }] : []),
            ]}
          />
        )}
      </More>
    </Page>
  )
}

function Hits({ stats }: { stats: CacheStats | undefined }) {
  if (stats?.hit_rate == null) return <span className="dim">{t`no requests`}</span>
  return <>{percent(stats.hit_rate)}<div className="dim">{t`${count(stats.exact_hits)} same, ${count(stats.semantic_hits)} similar, ${count(stats.misses)} missed`}</div></>
}

function Wrong({ stats }: { stats: CacheStats | undefined }) {
  if (!stats || stats.checked === 0) return <span className="dim">{t`none checked`}</span>
  return (
    <>
      {t`${count(stats.wrong)} of ${count(stats.checked)}, between ${percent(stats.wrong_rate_low)} and ${percent(stats.wrong_rate_high)}`}
      <div>{stats.gives_similar ? <Status state="ok" word={t`At most ${percent(stats.max_wrong_rate)} may be`} /> : <Status state="failed" word={t`More than ${percent(stats.max_wrong_rate)}: only the same are given`} />}</div>
    </>
  )
}

function CacheForm({ endpoint }: { endpoint: Endpoint }) {
  const show = useFormPlace()
  const now = endpoint.settings?.cache
  if (!now) return null
  return <Button size="compact-xs" variant="default" onClick={() => show((close) => <Form endpoint={endpoint} now={now} close={close} />)}><Trans>Change<span className="hidden-visually"> the cache of {endpoint.name}</span></Trans></Button>
}

function Form({ endpoint, now, close }: { endpoint: Endpoint; now: NonNullable<Settings['cache']>; close: () => void }) {
  // What the form does not ask stays as it was when it was begun.
  const [base, setBase] = useState(now)
  const [mode, setMode] = useState<keyof typeof MODES>(now.mode)
  const [ttl, setTtl] = useState(now.ttl_seconds)
  const [threshold, setThreshold] = useState<number | ''>(now.threshold ?? '')
  const [wrong, setWrong] = useState(now.max_wrong_rate)
  const change = useChangeEndpoint(endpoint.name)
  const cache = { ...base, mode, ttl_seconds: ttl, threshold: threshold === '' ? null : threshold, max_wrong_rate: wrong }
  const take = (theirs: typeof now): void => {
    setBase(theirs)
    setMode(theirs.mode)
    setTtl(theirs.ttl_seconds)
    setThreshold(theirs.threshold ?? '')
    setWrong(theirs.max_wrong_rate)
  }
  const command = [sh`treadle endpoint set ${endpoint.name} --cache ${mode}`, mode !== 'off' && sh`--cache-ttl ${ttl}`, mode === 'semantic' && threshold !== '' && sh`--cache-threshold ${threshold} --cache-max-wrong-rate ${wrong}`].filter(Boolean).join(' ')
  return (
    <Dialog title={t`What ${endpoint.name} answers again`} opened close={close} confirm={t`Change it`} command={command} shown={['cache.ttl_seconds', 'cache.threshold', 'cache.max_wrong_rate']} run={(when) => change.mutateAsync({ change: { cache }, when })} edit={{ revision: endpoint.revision, was: { cache: base }, mine: { cache }, names: NAMES, take: (theirs) => take(theirs.cache) }}>
      {(faults) => (
        <>
          <NativeSelect label={t`What is answered without asking`} value={mode} onChange={(event) => setMode(event.currentTarget.value as keyof typeof MODES)} data={Object.entries(MODES).map(([value, label]) => ({ value, label }))} data-autofocus />
          {mode !== 'off' && <NumberInput label={t`For so many seconds`} min={1} value={ttl} onChange={(value) => setTtl(Number(value))} error={faults('cache.ttl_seconds')} />}
          {mode === 'semantic' && (
            <>
              <NumberInput label={t`From this similarity on`} description={<Trans>0 to 1, chosen on your own data: <code>treadle cache calibrate {endpoint.name}</code></Trans>} min={0} max={1} step={0.01} decimalScale={4} value={threshold} onChange={(value) => setThreshold(value === '' ? '' : Number(value))} error={faults('cache.threshold')} />
              <NumberInput label={t`Share of similar answers that may be wrong`} description={t`0 to 1; when the checks show more, only the same are given`} min={0} max={1} step={0.01} decimalScale={4} value={wrong} onChange={(value) => setWrong(Number(value))} error={faults('cache.max_wrong_rate')} />
            </>
          )}
        </>
      )}
    </Dialog>
  )
}

function Clear({ endpoint }: { endpoint: string }) {
  const clear = useClearCache(endpoint)
  return (
    <Confirm title={t`Forget the answers of ${endpoint}?`} words={t`Its counts and its checks begin anew, too.`} command={sh`treadle cache clear ${endpoint}`} confirm={t`Forget them`} danger run={() => clear.mutateAsync()}>
      {(open) => <Button size="compact-xs" variant="subtle" onClick={open}><Trans>Forget<span className="hidden-visually"> the answers of {endpoint}</span></Trans></Button>}
    </Confirm>
  )
}
