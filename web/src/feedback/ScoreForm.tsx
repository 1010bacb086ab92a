/* Saying anything about an answer, or about one span of it: what is judged, and a yes, a number on a scale, a category or words. */
import { t } from '@lingui/core/macro'
import { Autocomplete, Button, NativeSelect, NumberInput, Textarea, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { sh } from '../format/shell'
import { useMay } from '../governance/queries'
import { Dialog } from '../ui/Dialog'
import { feedbackQuery, useJudge, type Judgement } from './queries'

const WAYS = [
  { value: 'yes', label: t`Yes` }, { value: 'no', label: t`No` }, { value: 'number', label: t`A number on a scale` }, { value: 'label', label: t`A category` }, { value: 'words', label: t`Words alone` },
] as const
type Way = (typeof WAYS)[number]['value']

/** `span`: judges this span and not the whole. */
export function ScoreForm({ traceId, span }: { traceId: string; span?: { id: string; name: string } }) {
  const may = useMay('feedback.review')
  const [opened, { open, close }] = useDisclosure(false)
  if (!may) return null
  return (
    <>
      <Button size="xs" variant="default" onClick={open}>{span ? t`Score this span` : t`Another score`}</Button>
      {opened && <Form traceId={traceId} span={span} close={close} />}
    </>
  )
}

function Form({ traceId, span, close }: { traceId: string; span: { id: string; name: string } | undefined; close: () => void }) {
  const judge = useJudge(traceId)
  const known = useQuery(feedbackQuery(traceId))
  const [typed, setTyped] = useState('')
  const [way, setWay] = useState<Way>('yes')
  const [scale, setScale] = useState({ value: 5, low: 1, high: 5 })
  const [label, setLabel] = useState('')
  const [comment, setComment] = useState('')
  const [expected, setExpected] = useState('')
  const name = typed.trim()
  const said: Judgement = {
    name,
    ...(span && { span_id: span.id }),
    ...(way === 'yes' ? { value: 1 } : way === 'no' ? { value: 0 } : way === 'number' ? scale : way === 'label' ? { label: label.trim() } : {}),
    ...(comment.trim() !== '' && { comment: comment.trim() }),
    ...(expected.trim() !== '' && { expected_output: expected.trim() }),
  }
  const names = [...new Set(['correct', 'helpful', ...(known.data?.items.map((one) => one.name) ?? [])])]
  const number = (part: Partial<typeof scale>): void => setScale({ ...scale, ...part })
  return (
    <Dialog
      title={span ? t`Score the span ${span.name}` : t`Score this answer`}
      opened
      close={close}
      confirm={t`Say it`}
      disabled={name === '' || (way === 'label' && label.trim() === '') || (way === 'words' && comment.trim() === '')}
      command={commandOf(traceId, said)}
      shown={['name', 'value', 'low', 'high', 'label', 'comment', 'expected_output']}
      run={() => judge.mutateAsync(said)}
    >
      {(faults) => (
        <>
          <Autocomplete label={t`What is judged`} description={t`Such as correct or helpful; the same name means the same thing everywhere`} data={names} value={typed} onChange={setTyped} error={faults('name')} comboboxProps={{ withinPortal: true }} data-autofocus />
          <NativeSelect label={t`What there is to say`} value={way} data={[...WAYS]} onChange={(event) => setWay(WAYS.find(({ value }) => value === event.currentTarget.value)?.value ?? 'yes')} />
          {way === 'number' && (
            <div className="row" style={{ alignItems: 'flex-start' }}>
              <NumberInput label={t`Number`} w={100} value={scale.value} onChange={(value) => number({ value: Number(value) })} error={faults('value')} />
              <NumberInput label={t`From`} w={90} value={scale.low} onChange={(low) => number({ low: Number(low) })} error={faults('low')} />
              <NumberInput label={t({ message: 'To', context: 'end of a range' })} w={90} value={scale.high} onChange={(high) => number({ high: Number(high) })} error={faults('high')} />
            </div>
          )}
          {way === 'label' && <TextInput label={t`Category`} value={label} onChange={(event) => setLabel(event.currentTarget.value)} error={faults('label')} />}
          <Textarea label={way === 'words' ? t`Words` : t`Comment (optional)`} autosize minRows={1} maxRows={8} value={comment} onChange={(event) => setComment(event.currentTarget.value)} error={faults('comment')} />
          <Textarea label={t`What it should have been, if you know`} autosize minRows={1} maxRows={8} value={expected} onChange={(event) => setExpected(event.currentTarget.value)} error={faults('expected_output')} />
        </>
      )}
    </Dialog>
  )
}

function commandOf(traceId: string, said: Judgement): string {
  const parts: [string, string | number | null | undefined][] = [['value', said.value], ['low', said.low], ['high', said.high], ['label', said.label], ['comment', said.comment], ['expected', said.expected_output], ['span', said.span_id]]
  return sh`treadle feedback add ${traceId} ${said.name || 'NAME'}` + parts.filter(([, value]) => value != null && value !== '').map(([name, value]) => ` --${name}${sh` ${String(value)}`}`).join('')
}
