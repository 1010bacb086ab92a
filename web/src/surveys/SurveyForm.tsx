/* Making a survey, or changing one; answers stay. */
import { t } from '@lingui/core/macro'
import { Button, Checkbox, NumberInput, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import type { Survey } from '../api/types'
import { sh } from '../format/shell'
import { draftOf, flagsOf, questionOf, YES_NO, type Draft } from '../queues/questions'
import { QUESTION_NAMES, QuestionsEdit } from '../queues/QuestionsEdit'
import { Dialog } from '../ui/Dialog'
import { inPercent, ticked } from '../ui/fieldNames'
import { useSaveSurvey, type NewSurvey } from './queries'

type Form = { name: string; title: string; endpoint: string; percent: number; isOpen: boolean; questions: Draft[] }

const EMPTY: Form = { name: '', title: '', endpoint: '', percent: 100, isOpen: true, questions: [{ ...YES_NO, name: 'recommend', kind: 'number', low: 0, high: 10 }] }
const NAMES = {
  title: t`What people see above the questions`, endpoint: t`Endpoint whose sessions are asked`, share: inPercent(t`Sessions asked (%)`), ...QUESTION_NAMES, is_open: ticked(t`It is shown and takes answers`),
}
/** What others changed of these meanwhile stays; all else belongs together. */
const ALONE = ['title', 'endpoint', 'share', 'is_open', 'fields'] as const
const SHOWN = ['name', 'title', 'endpoint', 'share', 'fields.*.name', 'fields.*.low', 'fields.*.high', 'fields.*.step', 'fields.*.options', 'fields.*.question']

export function SurveyForm({ survey }: { survey?: Survey }) {
  const [opened, { open, close }] = useDisclosure(false)
  const [form, setForm] = useState(EMPTY)
  const save = useSaveSurvey()
  const navigate = useNavigate()
  const set = (part: Partial<Form>): void => setForm({ ...form, ...part })
  const begin = (): void => {
    setForm(survey === undefined ? EMPTY : formOf(survey))
    open()
  }
  return (
    <>
      <Button size="sm" variant={survey ? 'default' : 'filled'} onClick={begin}>{survey ? t`Change` : t`Make a survey`}</Button>
      <Dialog
        title={survey ? t`Change ${survey.name}` : t`Make a survey`}
        opened={opened}
        close={close}
        confirm={survey ? t`Change it` : t`Make it`}
        size="lg"
        shown={SHOWN}
        command={commandOf(form)}
        edit={survey && { revision: survey.revision, was: survey, mine: surveyOf(form), names: NAMES, alone: ALONE, take: (now) => setForm(formOf(now)) }}
        run={async (when, wanted = surveyOf(form)) => {
          const { name } = await save.mutateAsync({ wanted, when })
          if (survey === undefined) void navigate({ to: '/surveys/$name', params: { name } })
        }}
      >
        {(faults) => (
          <>
            {survey === undefined && <TextInput label={t`Name`} description={t`Small letters, digits, hyphens and underscores`} value={form.name} onChange={(event) => set({ name: event.currentTarget.value })} error={faults('name')} data-autofocus />}
            <TextInput label={t`What people see above the questions`} value={form.title} onChange={(event) => set({ title: event.currentTarget.value })} error={faults('title')} />
            <div className="row" style={{ alignItems: 'flex-start' }}>
              <TextInput label={t`Endpoint whose sessions are asked`} placeholder={t`all`} style={{ flex: 1 }} value={form.endpoint} onChange={(event) => set({ endpoint: event.currentTarget.value })} error={faults('endpoint')} />
              <NumberInput label={t`Sessions asked (%)`} w={140} min={0} max={100} value={form.percent} onChange={(percent) => set({ percent: Number(percent) })} error={faults('share')} />
            </div>
            <QuestionsEdit questions={form.questions} set={(questions) => set({ questions })} faults={faults} corrections={false} />
            <Checkbox label={t`It is shown and takes answers`} checked={form.isOpen} onChange={(event) => set({ isOpen: event.currentTarget.checked })} />
          </>
        )}
      </Dialog>
    </>
  )
}

function formOf(survey: Survey): Form {
  return {
    name: survey.name, title: survey.title ?? '', endpoint: survey.endpoint ?? '', percent: Number(((survey.share ?? 1) * 100).toPrecision(6)),
    isOpen: survey.is_open ?? true, questions: survey.fields.map(draftOf),
  }
}

function surveyOf(form: Form): NewSurvey {
  return { name: form.name.trim(), title: form.title.trim(), endpoint: form.endpoint.trim() || null, share: form.percent / 100, is_open: form.isOpen, fields: form.questions.map(questionOf) }
}

function commandOf(form: Form): string {
  const share = form.percent === 100 ? '' : sh` --share ${form.percent / 100}`
  const endpoint = form.endpoint.trim() ? sh` --endpoint ${form.endpoint.trim()}` : ''
  return sh`treadle survey put ${form.name.trim() || 'NAME'}` + endpoint + flagsOf(form.questions) + (form.title.trim() ? sh` --title ${form.title.trim()}` : '') + share + (form.isOpen ? '' : ' --closed')
}
