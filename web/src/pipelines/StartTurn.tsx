/* Starting a turn from what is there: the newest version of a dataset, with what people corrected joined to it where that is wanted. */
import { t } from '@lingui/core/macro'
import { Button, Checkbox, NativeSelect } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { api, body } from '../api/client'
import type { Body } from '../api/types'
import { datasetsFound, versionsQuery } from '../data/queries'
import { sh } from '../format/shell'
import { Dialog } from '../ui/Dialog'
import { byName, NamePick } from '../ui/NamePick'
import { Snippet } from '../ui/Snippet'

type NewTurn = Body<'/api/v1/turns', 'post'>
type Form = { name: string; version: string; method: 'full' | 'lora'; fromTraffic: boolean; asks: boolean }

const EMPTY: Form = { name: '', version: '', method: 'full', fromTraffic: false, asks: true }

export function StartTurn() {
  const [opened, { open, close }] = useDisclosure(false)
  const [form, setForm] = useState(EMPTY)
  const set = (part: Partial<Form>): void => setForm((before) => ({ ...before, ...part }))
  const versions = useInfiniteQuery({ ...versionsQuery(form.name), enabled: opened && form.name !== '' })
  const navigate = useNavigate()
  const requests = useQueryClient()
  const start = useMutation({
    mutationFn: (turn: NewTurn) => body(api.POST('/api/v1/turns', { body: turn })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['turns'] }),
  })
  const numbers = (versions.data?.pages ?? []).flatMap((page) => page.items)
  return (
    <>
      <Button size="sm" onClick={open}>{t`Start a turn`}</Button>
      <Dialog
        title={t`Start a turn`}
        opened={opened}
        close={close}
        confirm={t`Start it`}
        disabled={form.name === ''}
        shown={['name', 'dataset_version', 'method', 'from_traffic']}
        words={t`It fine-tunes a model on the dataset, compares it with what the endpoint of the same name serves, and releases it where it is shown to be better.`}
        command={commandOf(form)}
        run={async () => {
          const run = await start.mutateAsync(turnOf(form))
          void navigate({ to: '/runs/$runId', params: { runId: run.run_id } })
        }}
      >
        {(faults) => (
          <>
            <NamePick label={t`Dataset`} description={t`Models, releases and the endpoint of the turn have its name`} found={datasetsFound} choiceOf={byName} value={form.name} onChange={(name) => set({ name, version: '' })} error={faults('name')} enabled={opened} data-autofocus />
            <Checkbox label={t`First join what people corrected to it`} checked={form.fromTraffic} onChange={(event) => set({ fromTraffic: event.currentTarget.checked, version: '' })} />
            {!form.fromTraffic && form.name !== '' && <NativeSelect label={t`Version`} value={form.version} onChange={(event) => set({ version: event.currentTarget.value })} data={[{ value: '', label: t`The newest` }, ...numbers.map(({ version, num_rows }) => ({ value: String(version), label: t`v${version}, ${num_rows} rows` }))]} error={faults('dataset_version')} />}
            <NativeSelect label={t`Fine-tunes`} value={form.method} onChange={(event) => set({ method: event.currentTarget.value === 'lora' ? 'lora' : 'full' })} data={[{ value: 'full', label: t`All weights` }, { value: 'lora', label: t`An adapter (LoRA)` }]} error={faults('method')} />
            <Checkbox label={t`Ask a person before anything is released`} checked={form.asks} onChange={(event) => set({ asks: event.currentTarget.checked })} />
            <Snippet body={pythonOf(form)} />
          </>
        )}
      </Dialog>
    </>
  )
}

// What is left out stands at the server's own values.
const turnOf = (form: Form): NewTurn =>
  ({ name: form.name, source: 'dataset', dataset_version: form.version === '' ? null : Number(form.version), from_traffic: form.fromTraffic, method: form.method, approve: !form.asks }) as NewTurn

function commandOf(form: Form): string {
  const flags = [form.fromTraffic && '--from-traffic', form.version !== '' && sh`--version ${form.version}`, form.method === 'lora' && '--method lora', form.asks && '--ask'].filter(Boolean)
  return [sh`treadle turn start --name ${form.name || 'NAME'}`, ...flags].join(' ')
}

function pythonOf(form: Form): string {
  const facts = [`name=${JSON.stringify(form.name)}`, 'source="dataset"', form.version !== '' && `dataset_version=${form.version}`, form.fromTraffic && 'from_traffic=True', form.method === 'lora' && 'method="lora"', form.asks && 'approve=False'].filter(Boolean)
  return `from treadle.pipelines.types import NewTurn\n\nclient.turns.start(NewTurn(${facts.join(', ')}))`
}
