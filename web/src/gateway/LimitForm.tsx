/* Setting a limit, or changing the amount of one. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, NativeSelect, NumberInput, TextInput } from '@mantine/core'
import { useState } from 'react'
import type { Limit } from '../api/types'
import { sh } from '../format/shell'
import { Dialog } from '../ui/Dialog'
import { oneOf } from '../ui/fieldNames'
import { useFormPlace } from '../ui/FormPlace'
import { useSetLimit, type NewLimit } from './queries'
import { boundOf } from './words'

const SCOPES: { value: NewLimit['scope']; label: string }[] = [
  { value: 'project', label: t`The whole project` }, { value: 'key', label: t`A key` }, { value: 'endpoint', label: t`An endpoint` }, { value: 'user', label: t`An end user` },
]
const UNITS: { value: NewLimit['unit']; label: string }[] = [
  { value: 'usd', label: t`US dollars` }, { value: 'requests', label: t`requests` }, { value: 'tokens', label: t`tokens` }, { value: 'concurrency', label: t`requests at once` },
]
const WINDOWS: { value: NonNullable<NewLimit['window']>; label: string }[] = [
  { value: 'minute', label: t`minute` }, { value: 'hour', label: t`hour` }, { value: 'day', label: t`day` }, { value: 'month', label: t`month` },
]

const UNPRICED = [{ value: 'allow', label: t`served and not counted` }, { value: 'refuse', label: t`refused` }]
const OUTAGE: { value: Limit['outage']; label: string }[] = [{ value: 'share', label: t`served, up to each worker's share of what was free` }, { value: 'refuse', label: t`refused` }]
const NAMES = { amount: t`At most`, unpriced: oneOf(t`Requests without a known price are`, UNPRICED), outage: oneOf(t`While the database is away requests are`, OUTAGE) }
/** What others changed of these meanwhile stays; all else belongs together. */
const ALONE = ['amount', 'unpriced', 'outage'] as const

export function LimitForm({ limit }: { limit?: Limit }) {
  const show = useFormPlace()
  const open = (): void => show((close) => <Form limit={limit} close={close} />)
  return limit ? (
    <Button size="compact-xs" variant="default" onClick={open}><Trans>Change<span className="hidden-visually"> the limit on {boundOf(limit)}</span></Trans></Button>
  ) : (
    <Button size="sm" onClick={open}>{t`Set a limit`}</Button>
  )
}

function Form({ limit, close }: { limit: Limit | undefined; close: () => void }) {
  const [draft, setDraft] = useState<NewLimit>({ scope: limit?.scope ?? 'project', subject: limit?.subject ?? null, unit: limit?.unit ?? 'usd', amount: limit?.amount ?? 50, window: limit ? limit.window : 'day', unpriced: limit?.unpriced ?? 'allow', outage: limit?.outage ?? null })
  const set = (part: Partial<NewLimit>): void => setDraft({ ...draft, ...part })
  const save = useSetLimit()
  const usual = draft.unit === 'usd' ? 'refuse' : 'share'
  const outage = draft.outage ?? usual
  const command = [sh`treadle limit set ${draft.amount} ${draft.unit} --scope ${draft.scope}`, draft.window && sh`--per ${draft.window}`, draft.subject && sh`--subject ${draft.subject}`, draft.unit === 'usd' && draft.unpriced === 'refuse' && '--unpriced refuse', outage !== usual && sh`--outage ${outage}`].filter(Boolean).join(' ')
  return (
    <Dialog title={limit ? t`The limit on ${boundOf(limit)}` : t`Set a limit`} opened close={close} confirm={limit ? t`Change it` : t`Set it`} command={command} shown={['amount', 'subject', 'window']} run={(when, changed) => save.mutateAsync({ wanted: { ...draft, ...changed }, when })} edit={limit && { revision: limit.revision, was: limit, mine: { amount: draft.amount, unpriced: draft.unpriced, outage }, names: NAMES, alone: ALONE, take: ({ amount, unpriced, outage: took }) => set({ amount, unpriced, outage: took }) }}>
      {(faults) => (
        <>
          {!limit && (
            <>
              <NativeSelect label={t`Whose use is counted together`} value={draft.scope} data={SCOPES} onChange={(event) => set({ scope: event.currentTarget.value as NewLimit['scope'], subject: null })} />
              {draft.scope !== 'project' && <TextInput label={t`Which one`} description={t`Left empty, each ${draft.scope} has the amount for itself`} value={draft.subject ?? ''} onChange={(event) => set({ subject: event.currentTarget.value.trim() || null })} error={faults('subject')} />}
              <NativeSelect label={t`What is counted`} value={draft.unit} data={UNITS} onChange={(event) => set({ unit: event.currentTarget.value as NewLimit['unit'], window: event.currentTarget.value === 'concurrency' ? null : (draft.window ?? 'day'), unpriced: 'allow', outage: null })} />
            </>
          )}
          <NumberInput label={t`At most`} min={0} decimalScale={draft.unit === 'usd' ? 6 : 0} value={draft.amount} onChange={(value) => set({ amount: Number(value) })} error={faults('amount')} data-autofocus />
          {!limit && draft.unit !== 'concurrency' && <NativeSelect label={t`In each`} description={t`From one round one to the next, in UTC`} value={draft.window ?? 'day'} data={WINDOWS} onChange={(event) => set({ window: WINDOWS.find(({ value }) => value === event.currentTarget.value)?.value ?? 'day' })} error={faults('window')} />}
          {draft.unit === 'usd' && <NativeSelect label={t`Requests without a known price are`} value={draft.unpriced ?? 'allow'} data={UNPRICED} onChange={(event) => set({ unpriced: event.currentTarget.value === 'refuse' ? 'refuse' : 'allow' })} />}
          <NativeSelect label={t`While the database is away requests are`} description={t`Once what was held ready is used up`} value={outage} data={OUTAGE} onChange={(event) => set({ outage: event.currentTarget.value === 'refuse' ? 'refuse' : 'share' })} />
        </>
      )}
    </Dialog>
  )
}
