/* The edits that wait: each in words, with a way to take it back, and the saving of all of them as the next version, which stays in
   sight at the foot of the page. A version that
   somebody made in between is shown with what it changed; the edits stay and can be laid on it. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import { createPortal } from 'react-dom'
import { api, body } from '../api/client'
import { problemOf } from '../api/problem'
import type { DatasetVersion, Run, RowValues } from '../api/types'
import { sh } from '../format/shell'
import { Follow } from '../jobs/Follow'
import { useFollowed } from '../jobs/useFollowed'
import { CommandLine } from '../ui/CommandLine'
import { Confirm } from '../ui/Confirm'
import { WordDiff } from '../ui/Diff'
import { DataTable } from '../ui/DataTable'
import { Section } from '../ui/Page'
import { ProblemState } from '../ui/states'
import { Tag, type Tone } from '../ui/Status'
import { Untrusted } from '../ui/text'
import { editsOf, linesOf, sizeOf, without, withoutRows, type Line } from './edits'
import styles from './Grid.module.css'
import { sendingKey, type Drafting } from './useDraft'

const TONES: Record<Line['what'], Tone> = { changed: 'warn', deleted: 'bad', added: 'good' }
const WHAT: Record<Line['what'], string> = { changed: t`changed`, deleted: t`taken away`, added: t`added` }

type PendingProps = Drafting & { of: DatasetVersion; newest: number }

export function PendingEdits({ of, draft, set, clear, saving, setSaving, isSaving, newest }: PendingProps) {
  const name = of.dataset
  const [message, setMessage] = useState('')
  const navigate = useNavigate()
  const requests = useQueryClient()
  const done = (run: Run): void => {
    setSaving(null)
    if (run.status !== 'succeeded') return
    clear()
    void requests.invalidateQueries({ queryKey: ['datasets'] })
    void navigate({ to: '/datasets/$name/versions/$version', params: { name, version: String(run.outputs['version']) }, search: {} })
  }
  const { run, follow, resume, error, forget } = useFollowed(done)
  useEffect(() => {
    if (saving !== null) resume(saving)
  }, [saving])
  useEffect(() => {
    // A run that is gone was forgotten with its workspace; the edits are still here.
    if (error !== null && problemOf(error).status === 404) setSaving(null)
  }, [error])
  const save = useMutation({
    mutationKey: sendingKey(name, of.version),
    mutationFn: (on: { version: number; newest: number }) =>
      body(api.POST('/api/v1/datasets/{name}/versions/{version}/edits', { params: { path: { name, version: String(on.version) } }, body: editsOf(draft, message.trim(), on.newest) })),
    onSuccess: (begun: Run) => {
      setSaving(begun.run_id)
      follow(begun)
    },
    onError: (thrown) => { if (problemOf(thrown).code === 'data.version_moved') void requests.invalidateQueries({ queryKey: ['datasets', name] }) },
  })
  const lines = linesOf(draft)
  const problem = save.error ? problemOf(save.error) : null
  const failedFor = run?.status === 'failed' ? run.error : null
  const newer = problem?.code === 'data.version_moved' ? Number(problem.values['newest']) : failedFor?.code === 'data.version_moved' ? Number(failedFor.values?.['newest']) : newest > draft.newest && lines.length > 0 ? newest : null
  const lost = failedFor?.code === 'data.edits_lost' && Array.isArray(failedFor.values?.['rows']) ? failedFor.values['rows'].map(Number) : null
  // Who saves at the foot of the page sees why it was refused.
  const told = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (problem || failedFor) told.current?.scrollIntoView({ block: 'nearest' })
  }, [problem?.code, failedFor?.code])
  const send = (version: number, known: number): void => {
    forget()
    save.mutate({ version, newest: known })
  }
  if (lines.length === 0)
    return <p className="dim" role="status">{t`Change, take away or add rows. Nothing is saved until you say so; then it becomes the next version, and v${of.version} stays as it is.`}</p>
  return (
    <>
      <Section title={t`Edits not saved yet: ${sizeOf(draft)}`}>
        <DataTable
          caption={t`Edits not saved yet`}
          rows={lines}
          rowKey={(line) => line.key}
          maxHeight="22rem"
          columns={[
            { head: t`What`, cell: (line) => <Tag tone={TONES[line.what]}>{WHAT[line.what]}</Tag> },
            { head: t`Row`, cell: (line) => line.row ?? t`new`, numeric: true },
            { head: t`Before`, cell: (line) => line.before && <Held values={line.before} against={line.after} side="before" /> },
            { head: t`After`, cell: (line) => line.after && <Held values={line.after} against={line.before} />, wide: true },
            { head: t`Undo`, cell: (line) => <Button size="compact-xs" variant="default" disabled={isSaving} onClick={() => set(without(draft, line))} aria-label={t`Undo: ${WHAT[line.what]}, row ${line.row ?? t`new`}`}>{t`Undo`}</Button> },
          ]}
        />
        <div ref={told} className="stack-tight">
          {newer !== null && (
            <div role="alert" className="stack-tight">
              <p>
                <Trans><strong>Somebody saved v{newer} while you were editing.</strong> Your edits are all here. <Link to="/datasets/$name/versions/$version" params={{ name, version: String(newer) }} search={{ tab: 'difference', against: String(draft.newest) }}>See what v{newer} changed</Link>, then lay yours on it: rows are found by what stood in them.</Trans>
              </p>
            </div>
          )}
          {lost && (
            <div role="alert" className="stack-tight">
              <p>
                <strong>{plural(lost.length, { one: '# row you edited is gone or different there:', other: '# rows you edited are gone or different there:' })} {lost.slice(0, 12).join(', ')}{lost.length > 12 && ' …'}.</strong>{' '}
                {t`Nothing was saved and nothing is lost. Leave out what you say of them, or make it anew there.`}
              </p>
              <div><Button size="xs" variant="default" onClick={() => { forget(); set(withoutRows(draft, lost)) }}>{t`Leave out the edits of these rows`}</Button></div>
            </div>
          )}
          {problem && problem.code !== 'data.version_moved' && <ProblemState problem={problem} deed />}
          {!lost && <Follow run={run} />}
        </div>
        <div><CommandLine command={sh`treadle data edit ${name} --version ${String(newer ?? of.version)} EDITS.json`} /></div>
      </Section>
      {createPortal(
        <form className={styles.save} aria-label={t`Save the edits`} onSubmit={(event) => { event.preventDefault(); if (newer === null) send(of.version, draft.newest); else send(newer, newer) }}>
          <TextInput label={t`Why, for those who come later`} required withAsterisk={false} size="xs" style={{ flex: '1 1 14rem' }} maw={420} value={message} maxLength={2000} onChange={(event) => setMessage(event.currentTarget.value)} />
          <Button size="xs" type="submit" loading={isSaving} disabled={message.trim() === ''}>{newer === null ? t`Save as the next version` : t`Lay them on v${newer}`}</Button>
          <Confirm title={t`Throw these edits away?`} words={t`${plural(sizeOf(draft), { one: '# edit', other: '# edits' })} that nobody saved will be gone.`} confirm={t`Throw them away`} danger run={() => Promise.resolve(clear())}>
            {(open) => <Button size="xs" variant="default" disabled={isSaving} onClick={open}>{t`Throw away`}</Button>}
          </Confirm>
        </form>,
        // At the end of the page, and not of this part of it: it is in sight from the page's beginning on.
        document.getElementById('main') ?? document.body,
      )}
    </>
  )
}

type HeldProps = { values: RowValues; /** The same row on the other side: what differs from it is marked. */ against?: RowValues | null | undefined; side?: 'before' | 'after' }

/** What a row holds, in a table cell. */
export function Held({ values, against, side = 'after' }: HeldProps) {
  const metadata = Object.keys(values.metadata ?? {}).length
  return (
    <>
      {marked(values.input ?? '', against?.input, side, 240)}
      {values.expected_output != null && <div className="dim">→ {marked(values.expected_output, against?.expected_output, side, 160)}</div>}
      {(values.part || metadata > 0) && <div className="dim">{values.part}{values.part && metadata > 0 && ' · '}{metadata > 0 && <code>{JSON.stringify(values.metadata).slice(0, 120)}</code>}</div>}
    </>
  )
}

/** Longer texts are compared by people: marking every word of them costs more than it shows. */
const MARKED_AT_MOST = 4000

function marked(text: string, other: string | null | undefined, side: 'before' | 'after', fold: number) {
  if (other == null || other === text || text.length + other.length > MARKED_AT_MOST) return <Untrusted text={text} fold={fold} />
  return side === 'before' ? <WordDiff before={text} after={other} side="before" /> : <WordDiff before={other} after={text} side="after" />
}
