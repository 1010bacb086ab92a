/* How an endpoint picks among its targets. What the form does not ask stays as it is. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Checkbox, NativeSelect, NumberInput, TextInput } from '@mantine/core'
import { useState } from 'react'
import type { Endpoint } from '../api/types'
import { sh } from '../format/shell'
import { useMay } from '../governance/queries'
import { Dialog } from '../ui/Dialog'
import { oneOf, ticked } from '../ui/fieldNames'
import { useFormPlace } from '../ui/FormPlace'
import { useChangeEndpoint } from './queries'
import { STRATEGIES, type Settings } from './words'

type Strategy = keyof typeof STRATEGIES
const MOST_ATTEMPTS = 10
const NAMES = {
  'routing.strategy': oneOf(t`Among the healthy ones of the best priority`, STRATEGIES), 'routing.max_latency_ms': t`That is not slower than (milliseconds)`, 'routing.regions': t`Only in these regions`,
  'routing.sticky': ticked(t`A session keeps the target that answered it before`), 'routing.retries.attempts': t`Attempts at most`, 'routing.clocks.total_seconds': t`Seconds for everything together`,
}

export function RoutingForm({ endpoint }: { endpoint: Endpoint }) {
  const show = useFormPlace()
  const may = useMay('releases.write')
  const now = endpoint.settings?.routing
  if (!may || !now) return null
  return <Button size="compact-xs" variant="default" onClick={() => show((close) => <Form endpoint={endpoint} now={now} close={close} />)}><Trans>Change<span className="hidden-visually"> how {endpoint.name} picks</span></Trans></Button>
}

function Form({ endpoint, now, close }: { endpoint: Endpoint; now: NonNullable<Settings['routing']>; close: () => void }) {
  // What the form does not ask stays as it was when it was begun.
  const [base, setBase] = useState(now)
  const [strategy, setStrategy] = useState<Strategy>(now.strategy)
  const [regions, setRegions] = useState((now.regions ?? []).join(', '))
  const [slowest, setSlowest] = useState<number | ''>(now.max_latency_ms ?? '')
  const [sticky, setSticky] = useState(now.sticky)
  const [attempts, setAttempts] = useState<number | ''>(now.retries?.attempts ?? 3)
  const [seconds, setSeconds] = useState<number | ''>(now.clocks?.total_seconds ?? 600)
  const change = useChangeEndpoint(endpoint.name)
  const named = regions.split(',').map((one) => one.trim()).filter(Boolean)
  const routing: typeof now = {
    ...base, strategy, sticky, regions: named, max_latency_ms: strategy === 'cheapest' && slowest !== '' ? slowest : null,
    ...(base.retries && attempts !== '' && { retries: { ...base.retries, attempts } }), ...(base.clocks && seconds !== '' && { clocks: { ...base.clocks, total_seconds: seconds } }),
  }
  const take = (theirs: typeof now): void => {
    setBase(theirs)
    setStrategy(theirs.strategy)
    setRegions((theirs.regions ?? []).join(', '))
    setSlowest(theirs.max_latency_ms ?? '')
    setSticky(theirs.sticky)
    setAttempts(theirs.retries?.attempts ?? 3)
    setSeconds(theirs.clocks?.total_seconds ?? 600)
  }
  const command = [sh`treadle endpoint set ${endpoint.name} --strategy ${strategy} ${sticky ? '--sticky' : '--no-sticky'}`, ...named.map((region) => sh`--region ${region}`), routing.max_latency_ms != null && sh`--max-latency-ms ${routing.max_latency_ms}`].filter(Boolean).join(' ')
  return (
    <Dialog title={t`How ${endpoint.name} picks`} opened close={close} confirm={t`Change it`} command={command} shown={['routing.regions', 'routing.max_latency_ms', 'routing.retries.attempts', 'routing.clocks.total_seconds']} run={(when) => change.mutateAsync({ change: { routing }, when })} edit={{ revision: endpoint.revision, was: { routing: base }, mine: { routing }, names: NAMES, take: (theirs) => take(theirs.routing) }}>
      {(faults) => (
        <>
          <NativeSelect label={t`Among the healthy ones of the best priority`} value={strategy} onChange={(event) => setStrategy(event.currentTarget.value as Strategy)} data={Object.entries(STRATEGIES).map(([value, label]) => ({ value, label }))} data-autofocus />
          {strategy === 'cheapest' && <NumberInput label={t`That is not slower than (milliseconds)`} description={t`Left empty, nothing is asked`} min={1} value={slowest} onChange={(value) => setSlowest(value === '' ? '' : Number(value))} error={faults('routing.max_latency_ms')} />}
          <TextInput label={t`Only in these regions`} description={t`In order of preference, with commas; empty takes any`} value={regions} onChange={(event) => setRegions(event.currentTarget.value)} error={faults('routing.regions')} />
          <Checkbox label={t`A session keeps the target that answered it before`} checked={sticky} onChange={(event) => setSticky(event.currentTarget.checked)} />
          <NumberInput label={t`Attempts at most`} min={1} max={MOST_ATTEMPTS} value={attempts} onChange={(value) => setAttempts(value === '' ? '' : Number(value))} error={faults('routing.retries.attempts')} />
          <NumberInput label={t`Seconds for everything together`} min={1} value={seconds} onChange={(value) => setSeconds(value === '' ? '' : Number(value))} error={faults('routing.clocks.total_seconds')} />
        </>
      )}
    </Dialog>
  )
}
