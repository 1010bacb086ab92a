/* Making a schedule, or changing one. Its turns go on with the rights of whoever changed it last. */
import { t } from '@lingui/core/macro'
import { Button, Checkbox, NativeSelect, NumberInput, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import type { Schedule } from '../api/types'
import { sh } from '../format/shell'
import { monitorsFound } from '../monitoring/queries'
import { Dialog } from '../ui/Dialog'
import { oneOf, ticked } from '../ui/fieldNames'
import { byName, NamePick } from '../ui/NamePick'
import { useSaveSchedule, type NewSchedule } from './queries'

type Form = { name: string; turn: string; corrected: number | ''; monitor: string; hours: number; asks: boolean; method: 'full' | 'lora'; isOn: boolean; recipe: NewSchedule['recipe'] }

const METHODS = [{ value: 'full', label: t`All weights` }, { value: 'lora', label: t`An adapter (LoRA)` }]
const NAMES = {
  turn: t`Turn`, corrected_answers: t`Goes at so many corrected answers`, monitor: t`Goes when this monitor fires`, at_most_every_hours: t`At most once in so many hours`,
  method: oneOf(t`Fine-tunes`, METHODS), ask_before_release: ticked(t`Ask a person before anything is released`), is_on: ticked(t`It is on`),
}
/** What others changed of these meanwhile stays; all else belongs together. */
const ALONE = ['corrected_answers', 'monitor', 'at_most_every_hours', 'method', 'ask_before_release', 'is_on'] as const
const EMPTY: Form = { name: '', turn: '', corrected: 500, monitor: '', hours: 24, asks: true, method: 'full', isOn: true, recipe: {} }
const SHOWN = ['name', 'turn', 'corrected_answers', 'monitor', 'at_most_every_hours']

export function ScheduleForm({ schedule }: { schedule?: Schedule }) {
  const [opened, { open, close }] = useDisclosure(false)
  const [form, setForm] = useState(EMPTY)
  const save = useSaveSchedule()
  const navigate = useNavigate()
  const set = (part: Partial<Form>): void => setForm({ ...form, ...part })
  const begin = (): void => {
    setForm(schedule === undefined ? EMPTY : formOf(schedule))
    open()
  }
  return (
    <>
      <Button size="sm" variant={schedule ? 'default' : 'filled'} onClick={begin}>{schedule ? t`Change` : t`Make a schedule`}</Button>
      <Dialog
        title={schedule ? t`Change ${schedule.name}` : t`Make a schedule`}
        opened={opened}
        close={close}
        confirm={schedule ? t`Change it` : t`Make it`}
        words={t`Its turns have your rights, and end with your rights.`}
        shown={SHOWN}
        command={commandOf(form)}
        edit={schedule && { revision: schedule.revision, was: schedule, mine: scheduleOf(form), names: NAMES, alone: ALONE, take: (now) => setForm(formOf(now)) }}
        run={async (when, wanted = scheduleOf(form)) => {
          const { name } = await save.mutateAsync({ wanted, when })
          if (schedule === undefined) void navigate({ to: '/schedules/$name', params: { name } })
        }}
      >
        {(faults) => (
          <>
            {schedule === undefined && <TextInput label={t`Name`} description={t`Small letters, digits, hyphens and underscores`} value={form.name} onChange={(event) => set({ name: event.currentTarget.value })} error={faults('name')} data-autofocus />}
            <TextInput label={t`Turn`} description={t`The name of the dataset that grows, the endpoint and the model`} value={form.turn} onChange={(event) => set({ turn: event.currentTarget.value })} error={faults('turn')} />
            <NumberInput label={t`Goes at so many corrected answers`} description={t`Empty: corrections do not set it off`} min={1} value={form.corrected} onChange={(corrected) => set({ corrected: corrected === '' ? '' : Number(corrected) })} error={faults('corrected_answers')} />
            <NamePick label={t`Goes when this monitor fires`} none={t`None`} found={monitorsFound} choiceOf={byName} value={form.monitor} onChange={(monitor) => set({ monitor })} enabled={opened} error={faults('monitor')} />
            <NumberInput label={t`At most once in so many hours`} min={0} max={8760} value={form.hours} onChange={(hours) => set({ hours: Number(hours) })} error={faults('at_most_every_hours')} />
            <NativeSelect label={t`Fine-tunes`} value={form.method} onChange={(event) => set({ method: event.currentTarget.value === 'lora' ? 'lora' : 'full' })} data={METHODS} />
            <Checkbox label={t`Ask a person before anything is released`} checked={form.asks} onChange={(event) => set({ asks: event.currentTarget.checked })} />
            <Checkbox label={t`It is on`} checked={form.isOn} onChange={(event) => set({ isOn: event.currentTarget.checked })} />
          </>
        )}
      </Dialog>
    </>
  )
}

function formOf(schedule: Schedule): Form {
  return {
    name: schedule.name, turn: schedule.turn, corrected: schedule.corrected_answers ?? '', monitor: schedule.monitor ?? '', hours: schedule.at_most_every_hours ?? 24,
    asks: schedule.ask_before_release ?? true, method: schedule.method ?? 'full', isOn: schedule.is_on ?? true, recipe: schedule.recipe ?? {},
  }
}

function scheduleOf(form: Form): NewSchedule {
  return {
    name: form.name.trim(), turn: form.turn.trim(), corrected_answers: form.corrected === '' ? null : form.corrected, monitor: form.monitor || null,
    at_most_every_hours: form.hours, ask_before_release: form.asks, method: form.method, is_on: form.isOn, recipe: form.recipe,
  }
}

function commandOf(form: Form): string {
  const flags = [
    form.corrected !== '' && sh`--corrected ${form.corrected}`, form.monitor && sh`--monitor ${form.monitor}`, form.hours !== 24 && sh`--hours ${form.hours}`,
    !form.asks && '--release', form.method === 'lora' && '--method lora', !form.isOn && '--off',
  ].filter(Boolean)
  return [sh`treadle schedule put ${form.name.trim() || 'NAME'} --turn ${form.turn.trim() || 'TURN'}`, ...flags].join(' ')
}
