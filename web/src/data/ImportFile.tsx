/* Reading a file into a dataset from its page: dropped or chosen, sent whole, and followed until its rows are a version. */
import { t } from '@lingui/core/macro'
import { Button, Progress, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import { fetch } from '../api/fetch'
import { problemOf, readProblem } from '../api/problem'
import type { Run } from '../api/types'
import { bytes } from '../format/numbers'
import { sh } from '../format/shell'
import { Follow } from '../jobs/Follow'
import { useFollowed } from '../jobs/useFollowed'
import { CommandLine } from '../ui/CommandLine'
import { FormModal } from '../ui/FormModal'
import { ProblemState } from '../ui/states'
import styles from './Grid.module.css'

type Form = { name: string; input: string; expected: string; messages: string; licence: string }

export function ImportFile({ dataset }: { dataset?: string }) {
  const [opened, { open, close }] = useDisclosure(false)
  const [isSent, setSent] = useState(false)
  return (
    <>
      <Button size="sm" variant={dataset === undefined ? 'filled' : 'default'} onClick={open}>{t`Import a file`}</Button>
      <FormModal opened={opened} close={close} title={dataset === undefined ? t`Import a file` : t`Import a file into ${dataset}`} size="lg" isSafe={isSent}>
        {opened && <Importing dataset={dataset} close={close} told={setSent} />}
      </FormModal>
    </>
  )
}

/** `told`: whether the server has the file, so that closing loses nothing. */
function Importing({ dataset, close, told }: { dataset: string | undefined; close: () => void; told: (isSent: boolean) => void }) {
  const [file, setFile] = useState<File | null>(null)
  const [form, setForm] = useState<Form>({ name: dataset ?? '', input: '', expected: '', messages: '', licence: '' })
  const requests = useQueryClient()
  const { run, isGoing, follow, forget } = useFollowed(() => void requests.invalidateQueries({ queryKey: ['datasets'] }))
  const send = useMutation({ mutationFn: () => upload(form, file), onSuccess: follow })
  const set = (part: Partial<Form>): void => setForm({ ...form, ...part })
  const choose = (chosen: File | undefined): void => {
    if (chosen === undefined) return
    setFile(chosen)
    if (dataset === undefined && form.name === '') set({ name: nameOf(chosen.name) })
  }
  const made = run?.status === 'succeeded' ? run.outputs : null
  const isSent = isGoing || made !== null
  useEffect(() => {
    told(isSent)
    return () => told(false)
  }, [told, isSent])
  if (made !== null)
    return (
      <div className="stack-tight" role="status">
        <p>
          {made['is_new'] === false ? t`The same rows were there already, as ` : t`Its rows are `}
          <Link to="/datasets/$name/versions/$version" params={{ name: form.name, version: String(made['version']) }} onClick={close}>{`${form.name} v${String(made['version'])}`}</Link>.
        </p>
        <div><Button variant="default" onClick={close}>{t`Close`}</Button></div>
      </div>
    )
  const flags = [form.input && sh` --input ${form.input}`, form.expected && sh` --label ${form.expected}`, form.messages && sh` --messages ${form.messages}`, form.licence && sh` --licence ${form.licence}`].join('')
  return (
    <form className="stack-tight" noValidate onSubmit={(event) => { event.preventDefault(); forget(); send.mutate() }}>
      <Drop file={file} choose={choose} />
      <TextInput label={t`Dataset`} description={t`Small letters, digits, points and hyphens; made when there is none`} value={form.name} disabled={dataset !== undefined} onChange={(event) => set({ name: event.currentTarget.value })} />
      <details>
        <summary>{t`Columns and licence: found by their usual names unless you say`}</summary>
        <div className="columns" style={{ marginBlockStart: '0.5rem' }}>
          <TextInput label={t`Column with the inputs`} value={form.input} onChange={(event) => set({ input: event.currentTarget.value })} />
          <TextInput label={t`Column with the right answers or labels`} value={form.expected} onChange={(event) => set({ expected: event.currentTarget.value })} />
          <TextInput label={t`Column with conversations`} value={form.messages} onChange={(event) => set({ messages: event.currentTarget.value })} />
          <TextInput label={t`Licence of the rows`} placeholder={t`such as CC-BY-4.0`} value={form.licence} onChange={(event) => set({ licence: event.currentTarget.value })} />
        </div>
      </details>
      <CommandLine command={sh`treadle data import ${file?.name ?? 'FILE'} --name ${form.name || 'NAME'}` + flags} />
      {send.isPending && <Progress value={100} animated aria-label={t`The file is on its way`} />}
      {send.error && <ProblemState problem={problemOf(send.error)} deed />}
      <Follow run={run} />
      <div className="row">
        <Button type="submit" loading={send.isPending || isGoing} disabled={file === null || form.name.trim() === ''}>{t`Import`}</Button>
        <Button variant="default" onClick={close}>{isGoing ? t`Close; it goes on` : t`Cancel`}</Button>
      </div>
    </form>
  )
}

function Drop({ file, choose }: { file: File | null; choose: (file: File | undefined) => void }) {
  const [isOver, setOver] = useState(false)
  const input = useRef<HTMLInputElement>(null)
  return (
    <div
      className={styles.drop}
      data-over={isOver || undefined}
      onDragOver={(event) => { event.preventDefault(); setOver(true) }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => { event.preventDefault(); setOver(false); choose(event.dataTransfer.files[0]) }}
    >
      <p>{file ? <><strong className="untrusted">{file.name}</strong> ({bytes(file.size)})</> : t`Drop a CSV, JSON Lines or Parquet file here`}</p>
      <Button size="xs" variant="default" onClick={() => input.current?.click()}>{file ? t`Choose another` : t`Choose a file`}</Button>
      <input ref={input} type="file" hidden aria-label={t`File`} accept=".csv,.tsv,.jsonl,.ndjson,.json,.parquet" onChange={(event) => choose(event.currentTarget.files?.[0])} />
    </div>
  )
}

async function upload(form: Form, file: File | null): Promise<Run> {
  const sent = new FormData()
  for (const [field, value] of [['input', form.input], ['expected_output', form.expected], ['messages', form.messages], ['licence', form.licence]] as const) if (value.trim() !== '') sent.append(field, value.trim())
  if (file) sent.append('file', file)
  // Not through the typed client, which writes JSON.
  const answer = await fetch(`/api/v1/datasets/${encodeURIComponent(form.name.trim())}/imports`, { method: 'POST', body: sent, credentials: 'same-origin' })
  if (!answer.ok) throw await readProblem(answer)
  return (await answer.json()) as Run
}

/** A name that a dataset may have, from a file's. */
function nameOf(fileName: string): string {
  return fileName.replace(/\.[^.]*$/u, '').toLowerCase().replace(/[^a-z0-9._-]+/gu, '-').replace(/^[^a-z0-9]+/u, '').slice(0, 100)
}
