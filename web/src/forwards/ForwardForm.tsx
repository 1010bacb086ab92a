/* Making a destination. Its headers, such as a key, are kept closed and never shown again. */
import { t } from '@lingui/core/macro'
import { Button, NativeSelect, NumberInput, Textarea, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useState } from 'react'
import { sh } from '../format/shell'
import { Dialog } from '../ui/Dialog'
import { useMakeForward, type NewForward } from './queries'

const HOURS = 72
type Level = NonNullable<NewForward['capture']>
type Draft = { name: string; url: string; headers: string; q: string; percent: number; capture: Level; hours: number }

export function ForwardForm() {
  const [opened, { open, close }] = useDisclosure(false)
  return (
    <>
      <Button size="sm" onClick={open}>{t`Add a destination`}</Button>
      {opened && <Form close={close} />}
    </>
  )
}

function Form({ close }: { close: () => void }) {
  const [draft, setDraft] = useState<Draft>({ name: '', url: '', headers: '', q: '', percent: 100, capture: 'on', hours: HOURS })
  const set = (part: Partial<Draft>): void => setDraft({ ...draft, ...part })
  const make = useMakeForward()
  const headers = headersOf(draft.headers)
  const wanted: NewForward = { name: draft.name.trim(), url: draft.url.trim(), headers: headers ?? {}, capture: draft.capture, share: draft.percent / 100, q: draft.q.trim() || null, keep_hours: draft.hours, encoding: 'protobuf', compressed: true, private: false }
  const command = [sh`treadle forward add ${wanted.name || 'NAME'} ${wanted.url || 'URL'}`, ...Object.keys(headers ?? {}).map((name) => sh`--header ${`${name}=…`}`), draft.q.trim() && sh`--filter ${draft.q.trim()}`, draft.percent < 100 && sh`--share ${draft.percent / 100}`, draft.capture !== 'on' && sh`--capture ${draft.capture}`, draft.hours !== HOURS && sh`--keep-hours ${draft.hours}`]
  return (
    <Dialog title={t`Add a destination`} opened close={close} confirm={t`Add it`} disabled={headers === null} command={command.filter(Boolean).join(' ')} shown={['name', 'url', 'headers', 'q', 'share', 'keep_hours']} run={() => make.mutateAsync(wanted)}>
      {(faults) => (
        <>
          <TextInput label={t`Name`} description={t`Small letters, digits and hyphens`} value={draft.name} onChange={(event) => set({ name: event.currentTarget.value })} error={faults('name')} data-autofocus />
          <TextInput label={t`Where`} placeholder="https://otel.example.com/v1/traces" value={draft.url} onChange={(event) => set({ url: event.currentTarget.value })} error={faults('url')} />
          <Textarea label={t`Headers`} description={t`One a line, such as x-api-key: KEY. Kept closed, never shown again`} autosize minRows={2} autoComplete="off" value={draft.headers} onChange={(event) => set({ headers: event.currentTarget.value })} error={headers === null ? t`Each line needs a name, a colon and a value` : faults('headers')} />
          <NativeSelect label={t`How much content leaves`} value={draft.capture} onChange={(event) => set({ capture: event.currentTarget.value as Level })} data={[{ value: 'on', label: t`All that is kept` }, { value: 'masked', label: t`Masked: personal data and secrets as tokens` }, { value: 'off', label: t`None: only times, counts and names` }]} />
          <TextInput label={t`Only spans that match`} placeholder="kind:llm" value={draft.q} onChange={(event) => set({ q: event.currentTarget.value })} error={faults('q')} />
          <NumberInput label={t`Per cent of traces`} description={t`Whole traces, the same for every destination`} min={0.01} max={100} decimalScale={2} value={draft.percent} onChange={(value) => set({ percent: Number(value) })} error={faults('share')} />
          <NumberInput label={t`Given up after so many hours of waiting`} min={1} value={draft.hours} onChange={(value) => set({ hours: Number(value) })} error={faults('keep_hours')} />
        </>
      )}
    </Dialog>
  )
}

/** The headers in lines of text; null where a line is none. */
export function headersOf(text: string): Record<string, string> | null {
  const lines = text.split('\n').map((line) => line.trim()).filter(Boolean)
  const pairs = lines.map((line) => /^([^:\s]+)\s*:\s*(.+)$/.exec(line))
  return pairs.every((pair) => pair !== null) ? Object.fromEntries(pairs.map((pair) => [pair?.[1] ?? '', pair?.[2] ?? ''])) : null
}
