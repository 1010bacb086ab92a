/* The policy about callers that stand out: each step may be left out, and they only get stricter. */
import { t } from '@lingui/core/macro'
import { Button, Checkbox, NumberInput, Textarea } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useState } from 'react'
import { sh } from '../format/shell'
import { Dialog } from '../ui/Dialog'
import { ticked } from '../ui/fieldNames'
import { useSetPolicy, type KeptPolicy, type Policy } from './queries'

const NAMES = {
  is_on: ticked(t`Callers are looked at`), flag_at: t`Listed from a score of`, throttle_at: t`Slowed down from`, throttle_requests_per_minute: t`To so many requests a minute`,
  block_at: t`Blocked from`, hours: t`Ends by itself after so many hours`, exempt: t`Nothing is done about`,
}
/** What others changed of these meanwhile stays; all else belongs together. */
const ALONE = ['is_on', 'hours', 'exempt'] as const

export function PolicyForm({ now }: { now: KeptPolicy }) {
  const [opened, { open, close }] = useDisclosure(false)
  return (
    <>
      <Button size="xs" variant="default" onClick={open}>{t`Change the policy`}</Button>
      {opened && <Form now={now} close={close} />}
    </>
  )
}

function Form({ now: { revision, ...now }, close }: { now: KeptPolicy; close: () => void }) {
  const [draft, setDraft] = useState<Policy>(now)
  const [exempt, setExempt] = useState((now.exempt ?? []).join('\n'))
  const set = (part: Partial<Policy>): void => setDraft({ ...draft, ...part })
  const save = useSetPolicy()
  const wanted = { ...draft, exempt: exempt.split('\n').map((one) => one.trim()).filter(Boolean) }
  const from = (value: string | number): number | null => (value === '' ? null : Number(value))
  const command = draft.is_on ? [sh`treadle abuse policy --on --flag-at ${draft.flag_at} --hours ${draft.hours}`, sh`--throttle-at ${draft.throttle_at ?? 'never'} --requests-per-minute ${draft.throttle_requests_per_minute} --block-at ${draft.block_at ?? 'never'}`, ...(wanted.exempt.length ? wanted.exempt : ['']).map((id) => sh`--exempt ${id}`)].join(' ') : 'treadle abuse policy --off'
  return (
    <Dialog title={t`What is done about callers`} opened close={close} confirm={t`Change it`} command={command} shown={['flag_at', 'throttle_at', 'throttle_requests_per_minute', 'block_at', 'hours', 'exempt']} run={(when, both = wanted) => save.mutateAsync({ wanted: both, when })} edit={{ revision, was: now, mine: wanted, names: NAMES, alone: ALONE, take: (theirs) => (setDraft(theirs), setExempt((theirs.exempt ?? []).join('\n'))) }}>
      {(faults) => (
        <>
          <Checkbox label={t`Callers are looked at`} checked={draft.is_on} onChange={(event) => set({ is_on: event.currentTarget.checked })} />
          <NumberInput label={t`Listed from a score of`} min={1} max={100} value={draft.flag_at} onChange={(value) => set({ flag_at: Number(value) })} error={faults('flag_at')} />
          <NumberInput label={t`Slowed down from`} description={t`Left empty, never`} min={1} max={100} value={draft.throttle_at ?? ''} onChange={(value) => set({ throttle_at: from(value) })} error={faults('throttle_at')} />
          {draft.throttle_at != null && <NumberInput label={t`To so many requests a minute`} min={1} value={draft.throttle_requests_per_minute} onChange={(value) => set({ throttle_requests_per_minute: Number(value) })} error={faults('throttle_requests_per_minute')} />}
          <NumberInput label={t`Blocked from`} description={t`Left empty, never`} min={1} max={100} value={draft.block_at ?? ''} onChange={(value) => set({ block_at: from(value) })} error={faults('block_at')} />
          <NumberInput label={t`Ends by itself after so many hours`} min={1} value={draft.hours} onChange={(value) => set({ hours: Number(value) })} error={faults('hours')} />
          <Textarea label={t`Nothing is done about`} description={t`Ids of keys and end users, one a line`} autosize minRows={2} value={exempt} onChange={(event) => setExempt(event.currentTarget.value)} error={faults('exempt')} />
        </>
      )}
    </Dialog>
  )
}
