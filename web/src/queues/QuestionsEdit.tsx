/* Writing the questions of a queue or a survey, one below the other. What the server says against one stands at it. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Checkbox, Fieldset, NativeSelect, NumberInput, TextInput } from '@mantine/core'
import type { Question } from '../api/types'
import type { Faults } from '../ui/Dialog'
import { oneOf, ticked } from '../ui/fieldNames'
import { YES_NO, type Draft } from './questions'

const KINDS: { value: Question['kind']; label: string }[] = [
  { value: 'boolean', label: t`Yes or no` },
  { value: 'number', label: t`A number on a scale` },
  { value: 'category', label: t`One of some categories` },
  { value: 'text', label: t`Words` },
  { value: 'correction', label: t`What it should have been` },
]

export const QUESTION_NAMES = {
  fields: t`Question`, 'fields.*.name': t`Name`, 'fields.*.kind': oneOf(t`Answer`, KINDS), 'fields.*.low': t`From`, 'fields.*.high': t({ message: 'To', context: 'end of a range' }), 'fields.*.step': t`In steps of`,
  'fields.*.options': t`Category`, 'fields.*.options.*.label': t`Name`, 'fields.*.question': t`What is asked`, 'fields.*.is_required': ticked(t`Must be answered`),
}

type QuestionsEditProps = { questions: readonly Draft[]; set: (questions: Draft[]) => void; faults: Faults; corrections?: boolean }

export function QuestionsEdit({ questions, set, faults, corrections = true }: QuestionsEditProps) {
  const change = (at: number, part: Partial<Draft>): void => set(questions.map((one, index) => (index === at ? { ...one, ...part } : one)))
  return (
    <>
      {questions.map((one, at) => (
        <Fieldset key={at} legend={t`Question ${at + 1}`}>
          <div className="stack-tight">
            <div className="row" style={{ alignItems: 'flex-start' }}>
              <TextInput label={t`Name`} size="xs" style={{ flex: '1 1 8rem' }} value={one.name} onChange={(event) => change(at, { name: event.currentTarget.value })} error={faults(`fields.${at}.name`)} />
              <NativeSelect label={t`Answer`} size="xs" style={{ flex: '1 1 10rem' }} value={one.kind} onChange={(event) => change(at, { kind: event.currentTarget.value as Question['kind'] })} data={KINDS.filter(({ value }) => corrections || value !== 'correction')} />
            </div>
            {one.kind === 'number' && (
              <div className="row" style={{ alignItems: 'flex-start' }}>
                <NumberInput label={t`From`} size="xs" w={80} hideControls value={one.low} onChange={(low) => change(at, { low: Number(low) })} error={faults(`fields.${at}.low`)} />
                <NumberInput label={t({ message: 'To', context: 'end of a range' })} size="xs" w={80} hideControls value={one.high} onChange={(high) => change(at, { high: Number(high) })} error={faults(`fields.${at}.high`)} />
                <NumberInput label={t`In steps of`} size="xs" w={90} hideControls value={one.step} onChange={(step) => change(at, { step: Number(step) })} error={faults(`fields.${at}.step`)} />
              </div>
            )}
            {one.kind === 'category' && <TextInput label={t`Categories`} description={t`With commas between them`} size="xs" value={one.options} onChange={(event) => change(at, { options: event.currentTarget.value })} error={faults(`fields.${at}.options`)} />}
            <TextInput label={t`What is asked`} description={t`Left empty, its name`} size="xs" value={one.question} onChange={(event) => change(at, { question: event.currentTarget.value })} error={faults(`fields.${at}.question`)} />
            <div className="spread">
              <Checkbox size="xs" label={t`Must be answered`} checked={one.isRequired} onChange={(event) => change(at, { isRequired: event.currentTarget.checked })} />
              {questions.length > 1 && <Button size="compact-xs" variant="subtle" onClick={() => set(questions.filter((_, index) => index !== at))}><Trans>Take away<span className="hidden-visually"> question {at + 1}</span></Trans></Button>}
            </div>
          </div>
        </Fieldset>
      ))}
      <div><Button size="xs" variant="default" onClick={() => set([...questions, { ...YES_NO, name: '' }])}>{t`Another question`}</Button></div>
    </>
  )
}
