/* One row in a form. Nothing is sent: what is kept here waits with the other edits until they are saved together. */
import { t } from '@lingui/core/macro'
import { Button, NativeSelect, Textarea } from '@mantine/core'
import { useState, type ReactNode } from 'react'
import type { RowValues } from '../api/types'
import { FormModal } from '../ui/FormModal'
import { PARTS } from './queries'

type RowFormProps = { title: string; confirm: string; values: RowValues; parts: string[]; apply: (values: RowValues) => void; button: (open: () => void) => ReactNode }
type Form = { input: string; expected: string; hasExpected: boolean; messages: string; part: string; metadata: string }

export function RowForm({ title, confirm, values, parts, apply, button }: RowFormProps) {
  const [form, setForm] = useState<Form | null>(null)
  const set = (part: Partial<Form>): void => setForm(form && { ...form, ...part })
  const isConversation = values.messages != null
  const messages = form && isConversation ? read(form.messages) : undefined
  const metadata = form ? read(form.metadata) : undefined
  const faults = {
    input: form && !isConversation && form.input.trim() === '' ? t`A row needs an input; to be without it, take the row away.` : undefined,
    messages: isConversation && (!Array.isArray(messages) || messages.length === 0) ? t`This is no list of messages in JSON.` : undefined,
    metadata: typeof metadata !== 'object' || metadata === null || Array.isArray(metadata) ? t`This is no JSON object, such as ${'{"source": "mail"}'}.` : undefined,
  }
  const isFaulty = Object.values(faults).some((fault) => fault !== undefined)
  const keep = (): void => {
    if (form === null || isFaulty) return
    apply({
      input: form.input,
      expected_output: form.hasExpected ? form.expected : null,
      messages: isConversation ? (messages as RowValues['messages']) : null,
      part: PARTS.find((known) => known === form.part) ?? null,
      metadata: metadata as Record<string, unknown>,
    })
    setForm(null)
  }
  return (
    <>
      {button(() => setForm(formOf(values)))}
      <FormModal opened={form !== null} close={() => setForm(null)} title={title} size="lg">
        {form && (
          <form className="stack-tight" onSubmit={(event) => { event.preventDefault(); keep() }} noValidate>
            {isConversation ? (
              <Textarea label={t`Messages`} description={t`Input and expected output are read from them`} autosize minRows={6} maxRows={18} value={form.messages} onChange={(event) => set({ messages: event.currentTarget.value })} error={faults.messages} styles={MONO} data-autofocus />
            ) : (
              <>
                <Textarea label={t`Input`} autosize minRows={3} maxRows={12} dir="auto" value={form.input} onChange={(event) => set({ input: event.currentTarget.value })} error={faults.input} data-autofocus />
                <Textarea label={t`Expected output`} autosize minRows={1} maxRows={10} dir="auto" value={form.expected} disabled={!form.hasExpected} onChange={(event) => set({ expected: event.currentTarget.value })} />
                <label className="row"><input type="checkbox" checked={!form.hasExpected} onChange={(event) => set({ hasExpected: !event.currentTarget.checked })} /> {t`Nobody knows the right answer`}</label>
              </>
            )}
            {parts.length > 0 && <NativeSelect label={t`Part`} value={form.part} onChange={(event) => set({ part: event.currentTarget.value })} data={[{ value: '', label: t`none` }, ...PARTS]} />}
            <Textarea label={t`Metadata`} autosize minRows={1} maxRows={8} value={form.metadata} onChange={(event) => set({ metadata: event.currentTarget.value })} error={faults.metadata} styles={MONO} />
            <div className="row">
              <Button type="submit" disabled={isFaulty}>{confirm}</Button>
              <Button variant="default" onClick={() => setForm(null)}>{t`Cancel`}</Button>
            </div>
          </form>
        )}
      </FormModal>
    </>
  )
}

const MONO = { input: { fontFamily: 'var(--mantine-font-family-monospace)', fontSize: '0.8125rem' } }

function formOf(values: RowValues): Form {
  return {
    input: values.input ?? '', expected: values.expected_output ?? '', hasExpected: values.expected_output != null, part: values.part ?? '',
    messages: JSON.stringify(values.messages ?? [], null, 2), metadata: JSON.stringify(values.metadata ?? {}),
  }
}

function read(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
