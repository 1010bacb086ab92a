/* Starting a training from where its data or its base stands: what to train, on which rows, from which weights; or only examining
   what it would read and learn. It leads to the run, where curves and pre-flight are. */
import { t } from '@lingui/core/macro'
import { Button, NativeSelect, NumberInput, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { api, body } from '../api/client'
import type { Body, DatasetVersion, ModelVersion, Run } from '../api/types'
import { datasetsFound, versionsQuery } from '../data/queries'
import { partsInWords } from '../data/words'
import { count } from '../format/numbers'
import { sh } from '../format/shell'
import { useMay } from '../governance/queries'
import { modelsFound, modelVersionsQuery } from '../models/queries'
import { promptsFound, promptVersionsQuery } from '../prompts/queries'
import { Dialog } from '../ui/Dialog'
import { byName, NamePick } from '../ui/NamePick'

type NewTraining = Body<'/api/v1/training/runs', 'post'>
const DOES = [
  { value: 'finetune', label: t`Fine-tune` },
  { value: 'preflight', label: t`Only examine what it would read and learn` },
  { value: 'base', label: t`Train a base from scratch on the texts` },
] as const
type Does = (typeof DOES)[number]['value']
type Form = { does: Does; model: string; dataset: string; rowsId: string; base: string; baseId: string; prompt: string; method: 'full' | 'lora'; epochs: number | string }

/** One of the two is known from the page. */
export function TrainForm({ rows, base }: { rows?: DatasetVersion; base?: ModelVersion }) {
  const may = useMay('training.write')
  const [opened, { open, close }] = useDisclosure(false)
  const navigate = useNavigate()
  const [form, setForm] = useState<Form>({
    does: 'finetune', model: base?.model_name ?? rows?.dataset ?? '', dataset: rows?.dataset ?? '', rowsId: rows?.version_id ?? '', base: base?.model_name ?? '',
    baseId: base?.model_version_id ?? '', prompt: '', method: 'full', epochs: '',
  })
  const set = (part: Partial<Form>): void => setForm({ ...form, ...part })
  const versions = useInfiniteQuery({ ...versionsQuery(form.dataset), enabled: opened && rows === undefined && form.dataset !== '' })
  const bases = useQuery({ ...modelVersionsQuery(form.base), enabled: opened && base === undefined && form.base !== '' })
  const promptVersions = useQuery({ ...promptVersionsQuery(form.prompt), enabled: opened && form.prompt !== '' })
  const rowsOf = versions.data?.pages.flatMap((page) => page.items) ?? []
  const basesOf = (bases.data ?? []).filter(({ kind }) => kind === 'weights')
  const rowsId = rows?.version_id ?? (rowsOf.some((one) => one.version_id === form.rowsId) ? form.rowsId : (rowsOf[0]?.version_id ?? ''))
  const baseId = base?.model_version_id ?? (basesOf.some((one) => one.model_version_id === form.baseId) ? form.baseId : (basesOf[0]?.model_version_id ?? ''))
  const promptId = form.prompt === '' ? null : (promptVersions.data?.[0]?.prompt_version_id ?? null)
  const needsBase = form.does !== 'base'
  const recipe = { ...(form.does === 'base' ? {} : { method: form.method }), ...(form.epochs === '' ? {} : { epochs: Number(form.epochs) }) }
  const start = (): Promise<Run> => {
    if (form.does === 'preflight') return body(api.POST('/api/v1/training/preflights', { body: { dataset_version_id: rowsId, base_version_id: baseId, prompt_version_id: promptId, recipe } }))
    const shared = { model: form.model.trim(), dataset_version_id: rowsId, recipe, precision: 'f16' as const }
    const asked: NewTraining = form.does === 'base' ? { ...shared, kind: 'base' } : { ...shared, kind: 'finetune', base_version_id: baseId, prompt_version_id: promptId }
    return body(api.POST('/api/v1/training/runs', { body: asked }))
  }
  if (!may) return null
  const isReady = rowsId !== '' && (!needsBase || baseId !== '') && (form.does === 'preflight' || form.model.trim() !== '') && (form.prompt === '' || promptId !== null)
  return (
    <>
      <Button size="xs" variant="default" onClick={open}>{base ? t`Fine-tune it` : t`Train on it`}</Button>
      <Dialog
        title={base ? t`Fine-tune ${base.model_name} v${base.version}` : t`Train on ${rows?.dataset ?? ''} v${rows?.version ?? ''}`}
        opened={opened}
        close={close}
        size="lg"
        confirm={form.does === 'preflight' ? t`Examine` : t`Start`}
        disabled={!isReady}
        shown={['model']}
        command={commandOf(form, rowsId, baseId, promptId)}
        run={async () => {
          const run = await start()
          void navigate({ to: '/runs/$runId', params: { runId: run.run_id } })
        }}
      >
        {(faults) => (
          <>
            <NativeSelect label={t`What to do`} data={DOES.filter(({ value }) => base === undefined || value !== 'base')} value={form.does} onChange={(event) => set({ does: DOES.find(({ value }) => value === event.currentTarget.value)?.value ?? 'finetune' })} />
            {form.does !== 'preflight' && <TextInput label={t`Model`} description={t`It gets a new version; made where there is none`} value={form.model} onChange={(event) => set({ model: event.currentTarget.value })} error={faults('model')} />}
            {rows === undefined && (
              <div className="row" style={{ alignItems: 'flex-start' }}>
                <NamePick label={t`Dataset`} found={datasetsFound} choiceOf={byName} value={form.dataset} onChange={(dataset) => set({ dataset, rowsId: '' })} enabled={opened} />
                <NativeSelect label={t`Version`} disabled={rowsOf.length === 0} data={rowsOf.map((one) => ({ value: one.version_id, label: t`v${one.version}: ${count(one.num_rows)} rows, ${partsInWords(one.parts)}` }))} value={rowsId} onChange={(event) => set({ rowsId: event.currentTarget.value })} />
              </div>
            )}
            {base === undefined && needsBase && (
              <div className="row" style={{ alignItems: 'flex-start' }}>
                <NamePick label={t`Starts from`} found={modelsFound} choiceOf={byName} value={form.base} onChange={(name) => set({ base: name, baseId: '' })} enabled={opened} />
                <NativeSelect label={t`Its version`} disabled={basesOf.length === 0} data={basesOf.map((one) => ({ value: one.model_version_id, label: `v${one.version}` }))} value={baseId} onChange={(event) => set({ baseId: event.currentTarget.value })} />
              </div>
            )}
            {needsBase && (
              <div className="row" style={{ alignItems: 'flex-start' }}>
                <NamePick label={t`Rendered through`} none={t`no prompt: the text as it is`} found={promptsFound} choiceOf={({ name }) => ({ value: name, label: t`${name}, newest version` })} value={form.prompt} onChange={(prompt) => set({ prompt })} enabled={opened} />
                <NativeSelect label={t`Method`} data={[{ value: 'full', label: t`all weights` }, { value: 'lora', label: t`LoRA, merged in` }]} value={form.method} onChange={(event) => set({ method: event.currentTarget.value === 'lora' ? 'lora' : 'full' })} />
              </div>
            )}
            {form.does !== 'preflight' && <NumberInput label={t`Passes over the rows`} description={t`Left empty, it follows from the number of rows`} w={260} min={0.1} max={1000} value={form.epochs} onChange={(epochs) => set({ epochs })} />}
          </>
        )}
      </Dialog>
    </>
  )
}

function commandOf(form: Form, rowsId: string, baseId: string, promptId: string | null): string {
  const data = sh` --data ${rowsId || 'DATASET_VERSION_ID'}`
  const epochs = form.epochs === '' ? '' : sh` --set epochs=${String(form.epochs)}`
  const from = sh` --base ${baseId || 'MODEL_VERSION_ID'}` + (promptId === null ? '' : sh` --prompt ${promptId}`)
  const method = form.method === 'full' ? '' : ' --method lora'
  if (form.does === 'preflight') return sh`treadle train preflight` + data + from
  if (form.does === 'base') return sh`treadle train base ${form.model.trim() || 'MODEL'}` + data + epochs
  return sh`treadle train finetune ${form.model.trim() || 'MODEL'}` + data + from + method + epochs
}
