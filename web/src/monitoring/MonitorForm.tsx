/* Making a monitor, or changing one: what it looks at, when that is bad, and who is told. */
import { t } from '@lingui/core/macro'
import { Button, Checkbox, NativeSelect, NumberInput, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import type { Monitor } from '../api/types'
import { Dialog, type Faults } from '../ui/Dialog'
import { oneOf, ticked } from '../ui/fieldNames'
import { commandOf, draftOf, monitorOf, NEW, type Draft } from './draft'
import { useSaveMonitor } from './queries'
import { SIGNAL_NAMES, SIGNAL_SHOWN, SignalEdit } from './SignalEdit'
import { Tells } from './Tells'

const RULES: { value: Draft['kind']; label: string }[] = [
  { value: 'threshold', label: t`it is beyond a limit` },
  { value: 'anomaly', label: t`it is unlike the same hours of earlier weeks` },
  { value: 'sequential', label: t`there is evidence that a share is beyond a limit` },
  { value: 'drift', label: t`texts or scores are unlike a reference’s` },
]
const COMPARED = [
  { value: 'input', label: t`Questions` }, { value: 'output', label: t`Answers` }, { value: 'context', label: t`Retrieved context` },
  { value: 'features', label: t`Lengths and languages` }, { value: 'scores', label: t`Scores` },
] as const
const NAMES = {
  name: t`Name`, 'rule.kind': oneOf(t`It is bad when`, RULES), ...SIGNAL_NAMES, 'rule.above': t`Above`, 'rule.below': t`Below`, 'rule.deviations': t`Deviations`, 'rule.weeks': t`Weeks back`,
  'rule.direction': t`Which side`, 'rule.limit': t`Share that is still well`, 'rule.reference_since': t`The reference begins (UTC)`, 'rule.reference_until': t`And ends (UTC)`, 'rule.channels': t`Compared`,
  window_minutes: t`Window (min)`, fire_after: t`Fires after bad windows`, clear_after: t`Over after good ones`, least_count: t`Least spans`,
  alert_on_silence: ticked(t`Windows without data are bad too`), channels: t`Tells`, is_on: ticked(t`It is on`),
}
/** What others changed of these meanwhile stays; all else belongs together. */
const ALONE = ['name', 'fire_after', 'clear_after', 'alert_on_silence', 'channels', 'is_on'] as const
const SHOWN = [
  'name', ...SIGNAL_SHOWN, 'rule.*.above', 'rule.*.below', 'rule.*.limit', 'rule.*.deviations', 'rule.*.weeks', 'rule.*.reference_since', 'rule.*.reference_until',
  'window_minutes', 'fire_after', 'clear_after', 'least_count',
]

export function MonitorForm({ monitor }: { monitor?: Monitor }) {
  const [opened, { open, close }] = useDisclosure(false)
  const [draft, setDraft] = useState(NEW)
  const save = useSaveMonitor(monitor?.name)
  const navigate = useNavigate()
  const set = (part: Partial<Draft>): void => setDraft((before) => ({ ...before, ...part }))
  const command = commandOf(draft)
  const begin = (): void => {
    setDraft(monitor === undefined ? NEW : draftOf(monitor))
    open()
  }
  return (
    <>
      <Button size="xs" variant={monitor ? 'default' : 'filled'} onClick={begin}>{monitor ? t`Change` : t`Make a monitor`}</Button>
      <Dialog
        title={monitor ? t`Change ${monitor.name}` : t`Make a monitor`}
        opened={opened}
        close={close}
        confirm={monitor ? t`Change it` : t`Make it`}
        size="lg"
        shown={SHOWN}
        {...(command !== null && { command })}
        {...(monitor && { words: t`Another figure, rule or window starts it anew: what it saw is forgotten.` })}
        edit={monitor && { revision: monitor.revision, was: monitor, mine: monitorOf(draft), names: NAMES, alone: ALONE, take: (now) => setDraft(draftOf(now)) }}
        run={async (when, wanted = monitorOf(draft)) => {
          const { name } = await save.mutateAsync({ wanted, when })
          if (name !== monitor?.name) void navigate({ to: '/monitors/$name', params: { name } })
        }}
      >
        {(faults) => (
          <>
            <TextInput label={t`Name`} description={t`Small letters, digits and hyphens`} value={draft.name} onChange={(event) => set({ name: event.currentTarget.value })} error={faults('name')} data-autofocus />
            <NativeSelect label={t`It is bad when`} value={draft.kind} onChange={(event) => set({ kind: RULES.find(({ value }) => value === event.currentTarget.value)?.value ?? 'threshold' })} data={RULES} />
            <SignalEdit signal={draft.signal} set={(part) => set({ signal: { ...draft.signal, ...part } })} faults={faults} noMetric={draft.kind === 'drift'} />
            <Rule draft={draft} set={set} faults={faults} />
            <div className="row" style={{ alignItems: 'flex-start' }}>
              <NumberInput label={t`Window (min)`} w={110} min={1} max={1440} value={draft.windowMinutes} onChange={(value) => set({ windowMinutes: Number(value) })} error={faults('window_minutes')} />
              <NumberInput label={t`Fires after bad windows`} w={150} min={1} value={draft.fireAfter} onChange={(value) => set({ fireAfter: Number(value) })} error={faults('fire_after')} />
              <NumberInput label={t`Over after good ones`} w={140} min={1} value={draft.clearAfter} onChange={(value) => set({ clearAfter: Number(value) })} error={faults('clear_after')} />
              <NumberInput label={t`Least spans`} w={100} min={0} value={draft.leastCount} onChange={(value) => set({ leastCount: Number(value) })} error={faults('least_count')} />
            </div>
            <Checkbox label={t`Windows without data are bad too`} checked={draft.silenceIsBad} onChange={(event) => set({ silenceIsBad: event.currentTarget.checked })} />
            <Tells names={draft.channels} set={(names) => set({ channels: names })} leave={close} />
            <Checkbox label={t`It is on`} checked={draft.isOn} onChange={(event) => set({ isOn: event.currentTarget.checked })} />
          </>
        )}
      </Dialog>
    </>
  )
}

function Rule({ draft, set, faults }: { draft: Draft; set: (part: Partial<Draft>) => void; faults: Faults }) {
  const number = (value: string | number): number | '' => (value === '' ? '' : Number(value))
  switch (draft.kind) {
    case 'threshold':
      return (
        <div className="row" style={{ alignItems: 'flex-start' }}>
          <NumberInput label={t`Above`} description={unitOf(draft)} w={150} hideControls value={draft.above} onChange={(value) => set({ above: number(value) })} error={faults('rule.*.above')} />
          <NumberInput label={t`Below`} description={unitOf(draft)} w={150} hideControls value={draft.below} onChange={(value) => set({ below: number(value) })} error={faults('rule.*.below')} />
        </div>
      )
    case 'anomaly':
      return (
        <div className="row" style={{ alignItems: 'flex-start' }}>
          <NumberInput label={t`Deviations`} w={110} min={2} max={20} value={draft.deviations} onChange={(value) => set({ deviations: Number(value) })} error={faults('rule.*.deviations')} />
          <NumberInput label={t`Weeks back`} w={110} min={2} max={12} value={draft.weeks} onChange={(value) => set({ weeks: Number(value) })} error={faults('rule.*.weeks')} />
          <NativeSelect label={t`Which side`} value={draft.direction} onChange={(event) => set({ direction: event.currentTarget.value as Draft['direction'] })} data={[{ value: 'both', label: t`Either` }, { value: 'above', label: t`Above` }, { value: 'below', label: t`Below` }]} />
        </div>
      )
    case 'sequential':
      return (
        <div className="row" style={{ alignItems: 'flex-start' }}>
          <NumberInput label={t`Share that is still well`} description={t`0 to 1`} w={170} hideControls value={draft.limit} onChange={(value) => set({ limit: number(value) })} error={faults('rule.*.limit')} />
          <NativeSelect label={t`Bad is`} value={draft.direction === 'below' ? 'below' : 'above'} onChange={(event) => set({ direction: event.currentTarget.value === 'below' ? 'below' : 'above' })} data={[{ value: 'above', label: t`More` }, { value: 'below', label: t`Less` }]} />
        </div>
      )
    default:
      return (
        <>
          <div className="row" style={{ alignItems: 'flex-start' }}>
            <TextInput label={t`The reference begins (UTC)`} type="datetime-local" value={draft.since} onChange={(event) => set({ since: event.currentTarget.value })} error={faults('rule.*.reference_since')} />
            <TextInput label={t`And ends (UTC)`} type="datetime-local" value={draft.until} onChange={(event) => set({ until: event.currentTarget.value })} error={faults('rule.*.reference_until')} />
          </div>
          <Checkbox.Group label={t`Compared`} value={draft.compared} onChange={(names) => set({ compared: COMPARED.map(({ value }) => value).filter((value) => names.includes(value)) })}>
            <div className="row">{COMPARED.map(({ value, label }) => <Checkbox key={value} value={value} label={label} />)}</div>
          </Checkbox.Group>
        </>
      )
  }
}

function unitOf({ signal }: Draft): string {
  if (signal.metric.endsWith('_rate')) return t`a share, 0 to 1`
  if (signal.metric.startsWith('latency') || signal.metric.startsWith('ttft')) return t`milliseconds`
  return signal.metric === 'cost_usd' ? t`dollars in a window` : t`empty: no limit`
}
