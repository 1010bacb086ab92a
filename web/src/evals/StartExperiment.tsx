/* Starting an experiment: what is tried, on which rows, and what judges. */
import { t } from '@lingui/core/macro'
import { Button, Checkbox, MultiSelect, NativeSelect, NumberInput, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { datasetsFound, versionsQuery } from '../data/queries'
import { sh } from '../format/shell'
import { modelVersionsQuery, modelsFound } from '../models/queries'
import { promptVersionsQuery, promptsFound } from '../prompts/queries'
import { endpointsFound } from '../releases/queries'
import { Dialog } from '../ui/Dialog'
import { byName, NamePick } from '../ui/NamePick'
import { scorersQuery, useStartExperiment } from './queries'
import { parameterOf } from './words'

type Form = { name: string; kind: 'endpoint' | 'model'; endpoint: string; model: string; modelVersion: string; prompt: string; promptVersion: string; dataset: string; version: string; part: string; scorers: string[]; told: Record<string, string>; limit: number | string; repeats: number; cache: boolean }

const EMPTY: Form = { name: '', kind: 'endpoint', endpoint: '', model: '', modelVersion: '', prompt: '', promptVersion: '', dataset: '', version: '', part: '', scorers: ['exact_match'], told: {}, limit: '', repeats: 1, cache: false }
const CHOOSE = { value: '', label: t`Choose one` }

export function StartExperiment() {
  const [opened, { open, close }] = useDisclosure(false)
  const [form, setForm] = useState(EMPTY)
  const start = useStartExperiment()
  const navigate = useNavigate()
  const set = (part: Partial<Form>): void => setForm((before) => ({ ...before, ...part }))
  const scorers = useQuery({ ...scorersQuery, enabled: opened })
  const wanted = wantedOf(form)
  const required = form.scorers.flatMap((name) => (scorers.data?.find((one) => one.name === name)?.required ?? []).map((parameter) => ({ name, parameter })))
  const isReady = form.name.trim() !== '' && form.version !== '' && form.scorers.length > 0 && (form.kind === 'endpoint' ? form.endpoint !== '' : form.modelVersion !== '') && required.every(({ name, parameter }) => (form.told[`${name}.${parameter}`] ?? '').trim() !== '')
  return (
    <>
      <Button size="sm" onClick={open}>{t`Start an experiment`}</Button>
      <Dialog
        title={t`Start an experiment`}
        opened={opened}
        close={close}
        confirm={t`Start it`}
        size="lg"
        disabled={!isReady}
        run={async () => {
          const made = await start.mutateAsync(wanted)
          void navigate({ to: '/experiments/$experimentId', params: { experimentId: made.experiment_id } })
        }}
        words={t`Every row is asked, and every answer judged. It costs what the requests cost.`}
        command={commandOf(form)}
        shown={['name', 'target', 'dataset_version_id', 'part', 'limit', 'repeats']}
      >
        {(faults) => (
          <>
            <TextInput label={t`Name`} value={form.name} onChange={(event) => set({ name: event.currentTarget.value })} error={faults('name')} data-autofocus />
            <What form={form} set={set} enabled={opened} />
            <Which form={form} set={set} enabled={opened} />
            <MultiSelect label={t`Scorers`} description={t`The first is the one that a gate looks at`} searchable value={form.scorers} data={(scorers.data ?? []).map(({ name }) => ({ value: name, label: name.replaceAll('_', ' ') }))} onChange={(chosen) => set({ scorers: chosen })} comboboxProps={{ withinPortal: true }} />
            {required.map(({ name, parameter }) => (
              <TextInput key={`${name}.${parameter}`} label={`${name.replaceAll('_', ' ')}: ${parameter}`} description={scorers.data?.find((one) => one.name === name)?.parameters[parameter]} withAsterisk value={form.told[`${name}.${parameter}`] ?? ''} onChange={(event) => set({ told: { ...form.told, [`${name}.${parameter}`]: event.currentTarget.value } })} />
            ))}
            <div className="row" style={{ alignItems: 'flex-end' }}>
              <NumberInput label={t`The first rows only`} placeholder={t`all`} w={150} min={1} value={form.limit} onChange={(limit) => set({ limit })} error={faults('limit')} />
              <NumberInput label={t`Ask each row (times)`} w={160} min={1} max={100} value={form.repeats} onChange={(repeats) => set({ repeats: Number(repeats) || 1 })} error={faults('repeats')} />
              <Checkbox label={t`Take answers that were given before`} checked={form.cache} onChange={(event) => set({ cache: event.currentTarget.checked })} />
            </div>
          </>
        )}
      </Dialog>
    </>
  )
}

type PartProps = { form: Form; set: (part: Partial<Form>) => void; enabled: boolean }

function What({ form, set, enabled }: PartProps) {
  const model = useQuery({ ...modelVersionsQuery(form.model), enabled: enabled && form.model !== '' })
  const versions = useQuery({ ...promptVersionsQuery(form.prompt), enabled: enabled && form.prompt !== '' })
  return (
    <div className="row" style={{ alignItems: 'flex-end' }}>
      <NativeSelect label={t`What is tried`} value={form.kind} data={[{ value: 'endpoint', label: t`An endpoint` }, { value: 'model', label: t`A model and a prompt` }]} onChange={(event) => set({ kind: event.currentTarget.value === 'model' ? 'model' : 'endpoint' })} />
      {form.kind === 'endpoint' ? (
        <NamePick label={t`Endpoint`} found={endpointsFound} choiceOf={byName} value={form.endpoint} onChange={(endpoint) => set({ endpoint })} enabled={enabled} />
      ) : (
        <>
          <NamePick label={t`Model`} found={modelsFound} choiceOf={byName} value={form.model} onChange={(name) => set({ model: name, modelVersion: '' })} enabled={enabled} />
          {form.model !== '' && <NativeSelect label={t`Model version`} value={form.modelVersion} data={[CHOOSE, ...(model.data ?? []).map((one) => ({ value: one.model_version_id, label: `v${one.version}` }))]} onChange={(event) => set({ modelVersion: event.currentTarget.value })} />}
          <NamePick label={t`Prompt`} none={t`None: inputs as they are`} found={promptsFound} choiceOf={byName} value={form.prompt} onChange={(prompt) => set({ prompt, promptVersion: '' })} enabled={enabled} />
          {form.prompt !== '' && <NativeSelect label={t`Prompt version`} value={form.promptVersion} data={[CHOOSE, ...(versions.data ?? []).map((one) => ({ value: one.prompt_version_id, label: `v${one.version}` }))]} onChange={(event) => set({ promptVersion: event.currentTarget.value })} />}
        </>
      )}
    </div>
  )
}

function Which({ form, set, enabled }: PartProps) {
  const versions = useInfiniteQuery({ ...versionsQuery(form.dataset), enabled: enabled && form.dataset !== '' })
  const found = versions.data?.pages.flatMap((page) => page.items) ?? []
  const parts = Object.keys(found.find(({ version_id }) => version_id === form.version)?.parts ?? {})
  return (
    <div className="row" style={{ alignItems: 'flex-end' }}>
      <NamePick label={t`Dataset`} found={datasetsFound} choiceOf={byName} value={form.dataset} onChange={(dataset) => set({ dataset, version: '', part: '' })} enabled={enabled} />
      {form.dataset !== '' && <NativeSelect label={t`Dataset version`} value={form.version} data={[CHOOSE, ...found.map((one) => ({ value: one.version_id, label: t`v${one.version}, ${one.num_rows} rows` }))]} onChange={(event) => set({ version: event.currentTarget.value, part: '' })} />}
      {parts.length > 0 && <NativeSelect label={t`Part`} value={form.part} data={[{ value: '', label: t`Every row` }, ...parts]} onChange={(event) => set({ part: event.currentTarget.value })} />}
    </div>
  )
}

function choicesOf(form: Form): { name: string; parameters: Record<string, unknown> }[] {
  return form.scorers.map((name) => {
    const told = Object.entries(form.told).filter(([key, text]) => key.startsWith(`${name}.`) && text.trim() !== '')
    return { name, parameters: Object.fromEntries(told.map(([key, text]) => [key.slice(name.length + 1), parameterOf(text)])) }
  })
}

function wantedOf(form: Form) {
  const asked = form.kind === 'endpoint' ? { endpoint: form.endpoint } : { model_version_id: form.modelVersion, ...(form.promptVersion === '' ? {} : { prompt_version_id: form.promptVersion }) }
  const target = { ...asked, reads: false }
  return {
    name: form.name.trim(), target, dataset_version_id: form.version, part: form.part || null, scorers: choicesOf(form), limit: Number(form.limit) || null,
    repeats: form.repeats, cache: form.cache, concurrency: 8,
  }
}

function commandOf(form: Form): string {
  const target = form.kind === 'endpoint' ? sh` --endpoint ${form.endpoint || 'ENDPOINT'}` : sh` --model ${form.modelVersion || 'MODEL'}` + (form.promptVersion === '' ? '' : sh` --prompt ${form.promptVersion}`)
  const scorers = choicesOf(form).map(({ name, parameters }) => sh` --scorer ${Object.keys(parameters).length === 0 ? name : `${name}=${JSON.stringify(parameters)}`}`).join('')
  const rest = (form.part === '' ? '' : sh` --part ${form.part}`) + (Number(form.limit) ? sh` --limit ${Number(form.limit)}` : '') + (form.repeats === 1 ? '' : sh` --repeats ${form.repeats}`) + (form.cache ? ' --cache' : '')
  return sh`treadle eval run --name ${form.name.trim() || 'NAME'} --dataset ${form.version || 'DATASET'}` + target + scorers + rest
}
