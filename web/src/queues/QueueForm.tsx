/* Making a queue, or changing what one asks. */
import { t } from '@lingui/core/macro'
import { Button, NativeSelect, NumberInput, Textarea, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import type { Queue } from '../api/types'
import { sh } from '../format/shell'
import { Dialog } from '../ui/Dialog'
import { oneOf } from '../ui/fieldNames'
import { useSaveQueue } from './queries'
import { draftOf, flagsOf, questionOf, YES_NO, type Draft } from './questions'
import { QUESTION_NAMES, QuestionsEdit } from './QuestionsEdit'

type Form = { name: string; description: string; instructions: string; mode: 'single' | 'pairwise'; judges: number; minutes: number; goldEvery: number; questions: Draft[] }

const MODES = [{ value: 'single', label: t`One answer` }, { value: 'pairwise', label: t`Two side by side` }]
const NAMES = {
  name: t`Name`, description: t`What it is for`, instructions: t`What judges read before they begin`, mode: oneOf(t`Shows`, MODES), judges_per_item: t`Judges per item`,
  reserve_minutes: t`An opened item waits (min)`, gold_every: t`A known one every`, ...QUESTION_NAMES,
}
/** What others changed of these meanwhile stays; all else belongs together. */
const ALONE = ['name', 'description', 'instructions', 'judges_per_item', 'reserve_minutes', 'gold_every', 'fields'] as const
const EMPTY: Form = { name: '', description: '', instructions: '', mode: 'single', judges: 1, minutes: 30, goldEvery: 10, questions: [YES_NO] }
const SHOWN = ['name', 'description', 'instructions', 'judges_per_item', 'reserve_minutes', 'gold_every', 'fields.*.name', 'fields.*.low', 'fields.*.high', 'fields.*.step', 'fields.*.options', 'fields.*.question']

export function QueueForm({ queue }: { queue?: Queue }) {
  const [opened, { open, close }] = useDisclosure(false)
  const [form, setForm] = useState(EMPTY)
  const save = useSaveQueue(queue?.name)
  const navigate = useNavigate()
  const set = (part: Partial<Form>): void => setForm({ ...form, ...part })
  const begin = (): void => {
    setForm(queue === undefined ? EMPTY : formOf(queue))
    open()
  }
  return (
    <>
      <Button size="sm" variant={queue ? 'default' : 'filled'} onClick={begin}>{queue ? t`Change` : t`Make a queue`}</Button>
      <Dialog
        title={queue ? t`Change ${queue.name}` : t`Make a queue`}
        opened={opened}
        close={close}
        confirm={queue ? t`Change it` : t`Make it`}
        size="lg"
        shown={SHOWN}
        {...(queue === undefined && { command: commandOf(form) })}
        edit={queue && { revision: queue.revision, was: queue, mine: queueOf(form), names: NAMES, alone: ALONE, take: (now) => setForm(formOf(now)) }}
        run={async (when, wanted = queueOf(form)) => {
          const saved = await save.mutateAsync({ wanted, when })
          if (queue?.name !== saved.name) void navigate({ to: '/queues/$name', params: { name: saved.name } })
        }}
      >
        {(faults) => (
          <>
            <TextInput label={t`Name`} description={t`Small letters, digits, hyphens and underscores`} value={form.name} onChange={(event) => set({ name: event.currentTarget.value })} error={faults('name')} data-autofocus />
            <TextInput label={t`What it is for`} value={form.description} onChange={(event) => set({ description: event.currentTarget.value })} error={faults('description')} />
            <Textarea label={t`What judges read before they begin`} autosize minRows={2} maxRows={8} value={form.instructions} onChange={(event) => set({ instructions: event.currentTarget.value })} error={faults('instructions')} />
            <div className="row" style={{ alignItems: 'flex-start' }}>
              <NativeSelect label={t`Shows`} value={form.mode} onChange={(event) => set({ mode: event.currentTarget.value === 'pairwise' ? 'pairwise' : 'single' })} data={MODES} />
              <NumberInput label={t`Judges per item`} w={120} min={1} max={20} value={form.judges} onChange={(judges) => set({ judges: Number(judges) })} error={faults('judges_per_item')} />
              <NumberInput label={t`An opened item waits (min)`} w={170} min={1} max={1440} value={form.minutes} onChange={(minutes) => set({ minutes: Number(minutes) })} error={faults('reserve_minutes')} />
              <NumberInput label={t`A known one every`} description={t`So many items, as long as there are any`} w={190} min={2} max={1000} value={form.goldEvery} onChange={(goldEvery) => set({ goldEvery: Number(goldEvery) })} error={faults('gold_every')} />
            </div>
            <QuestionsEdit questions={form.questions} set={(questions) => set({ questions })} faults={faults} />
          </>
        )}
      </Dialog>
    </>
  )
}

function formOf(queue: Queue): Form {
  return {
    name: queue.name, description: queue.description ?? '', instructions: queue.instructions ?? '', mode: queue.mode ?? 'single', judges: queue.judges_per_item ?? 1,
    minutes: queue.reserve_minutes ?? 30, goldEvery: queue.gold_every ?? 10, questions: (queue.fields ?? []).map(draftOf),
  }
}

function queueOf(form: Form) {
  return {
    name: form.name.trim(), description: form.description.trim(), instructions: form.instructions.trim(), mode: form.mode, judges_per_item: form.judges,
    reserve_minutes: form.minutes, gold_every: form.goldEvery, fields: form.questions.map(questionOf),
  }
}

function commandOf(form: Form): string {
  return sh`treadle queue create ${form.name.trim() || 'NAME'}` + flagsOf(form.questions) + (form.mode === 'pairwise' ? ' --pairwise' : '') + (form.judges === 1 ? '' : sh` --judges ${form.judges}`)
}
