/* One column: which prompt, of which endpoint, with which fields; what asking it would cost, and keeping it as a version. */
import { plural, t } from '@lingui/core/macro'
import { Button, NativeSelect } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useQuery, type UseQueryResult } from '@tanstack/react-query'
import { problemOf } from '../api/problem'
import type { PromptVersion } from '../api/types'
import { count, usd } from '../format/numbers'
import { draftOf, ROLES, type Draft } from '../prompts/draft'
import { LazyEditor } from '../prompts/LazyEditor'
import { promptQuery, promptsFound } from '../prompts/queries'
import { endpointQuery, endpointsFound, releaseQuery } from '../releases/queries'
import { byName, NamePick } from '../ui/NamePick'
import { Answer, ProblemState } from '../ui/states'
import { EMPTY_DRAFT, faultOfColumn, triedOf, variablesFor, type Column, type Row } from './board'
import styles from './Playground.module.css'
import { triedPreviewQuery } from './queries'
import { SaveColumn } from './SaveColumn'
import type { ColumnState } from './useAsking'

type ColumnEditProps = {
  number: number
  column: Column
  version: UseQueryResult<PromptVersion> | undefined
  rows: readonly Row[]
  names: readonly string[]
  state: ColumnState
  set: (change: Partial<Column>) => void
  remove: (() => void) | undefined
  run: () => void
}

export function ColumnEdit({ number, column, version, rows, names, state, set, remove, run }: ColumnEditProps) {
  const { data: chosen } = useQuery({ ...promptQuery(column.prompt), enabled: column.prompt !== '' })
  const fault = faultOfColumn(column)
  const draft = column.draft ?? (version?.data && draftOf(version.data))
  const which = chosen ? ['latest', ...Object.keys(chosen.labels).sort(), ...Array.from({ length: chosen.latest_version }, (_, at) => String(chosen.latest_version - at))] : [column.version]
  return (
    <div className={styles.column} role="group" aria-label={t`Column ${number}`}>
      <div className="spread">
        <h3>{t`Column ${number}`}</h3>
        <div className="row">
          <Button size="compact-xs" variant="default" disabled={fault !== null || rows.length === 0} loading={state.busy} onClick={run}>{t`Ask`}</Button>
          <SaveColumn column={column} disabled={fault !== null} />
          {remove && <Button size="compact-xs" variant="default" onClick={remove} aria-label={t`Remove column ${number}`}>{t`Remove`}</Button>}
        </div>
      </div>
      <NamePick label={t`Endpoint`} size="xs" found={endpointsFound} choiceOf={byName} value={column.endpoint} onChange={(endpoint) => set({ endpoint })} />
      <div className="row" style={{ alignItems: 'flex-end' }}>
        <NamePick label={t`Prompt`} size="xs" none={t`A draft without a name`} found={promptsFound} choiceOf={byName} value={column.prompt} onChange={(prompt) => set({ prompt, version: 'latest', draft: prompt === '' ? EMPTY_DRAFT : null })} />
        {column.prompt !== '' && <NativeSelect label={t`Version`} size="xs" value={column.version} data={[...new Set(which)].map((one) => ({ value: one, label: /^\d+$/.test(one) ? `v${one}` : one }))} onChange={(event) => set({ version: event.currentTarget.value, draft: null })} />}
        {column.prompt !== '' && column.draft !== null && <Button size="xs" variant="subtle" onClick={() => set({ draft: null })}>{t`Undo changes`}</Button>}
      </div>
      {/* One element for a version and for what becomes of it as one types, so that the focus stays where it is. */}
      {draft !== undefined ? (
        <DraftEdit key={`${column.prompt}@${column.version}`} number={number} draft={draft} set={(changed) => set({ draft: changed })} />
      ) : (
        version && <Answer query={version} what={t`the prompt`}>{() => null}</Answer>
      )}
      <details>
        <summary>{[column.parameters, column.tools, column.schema].some((text) => text.trim() !== '') ? t`Parameters, tools and schema (set)` : t`Parameters, tools and schema`}</summary>
        <div className="stack-tight">
          <Field title={t`Parameters`} label={t`Parameters of column ${number}`} hint={'{"temperature": 0}'} value={column.parameters} onChange={(parameters) => set({ parameters })} />
          <Field title={t`Tools`} label={t`Tools of column ${number}`} hint={'[{"type": "function", "function": {"name": …}}]'} value={column.tools} onChange={(tools) => set({ tools })} />
          <Field title={t`Schema of the answer`} label={t`Schema of column ${number}`} hint={'{"type": "object", …}'} value={column.schema} onChange={(schema) => set({ schema })} />
        </div>
      </details>
      {fault ? <p className="dim" role="status">{t`To ask it, ${fault}.`}</p> : draft !== undefined && <Before column={column} rows={rows} names={names} />}
      {state.problem && <ProblemState problem={state.problem} deed />}
    </div>
  )
}

function DraftEdit({ number, draft, set }: { number: number; draft: Draft; set: (draft: Draft) => void }) {
  const change = (at: number, part: Partial<Draft['messages'][number]>): void => set({ ...draft, messages: draft.messages.map((one, place) => (place === at ? { ...one, ...part } : one)) })
  return (
    <>
      {draft.messages.map((message, at) => (
        <div key={at} className="stack-tight" role="group" aria-label={t`Message ${at + 1} of column ${number}`}>
          <div className="row">
            <NativeSelect size="xs" aria-label={t`Who says message ${at + 1} of column ${number}`} value={message.role} data={ROLES} onChange={(event) => change(at, { role: ROLES.find((role) => role === event.currentTarget.value) ?? 'user' })} />
            {draft.messages.length > 1 && <Button size="compact-xs" variant="default" onClick={() => set({ ...draft, messages: draft.messages.filter((_, place) => place !== at) })} aria-label={t`Remove message ${at + 1} of column ${number}`}>{t`Remove`}</Button>}
          </div>
          <LazyEditor label={t`Text of message ${at + 1} of column ${number}`} language={draft.engine} value={message.template} onChange={(template) => change(at, { template })} />
        </div>
      ))}
      <div><Button size="compact-xs" variant="default" onClick={() => set({ ...draft, messages: [...draft.messages, { role: 'user', template: '' }] })}>{t`Another message`}</Button></div>
    </>
  )
}

function Field({ title, label, hint, value, onChange }: { title: string; label: string; hint: string; value: string; onChange: (value: string) => void }) {
  return (
    <div>
      <p className="dim">{title}</p>
      <LazyEditor label={label} language="json" hint={hint} value={value} onChange={onChange} />
    </div>
  )
}

/** What asking all rows would be, once the typing rests. The model is the one behind the endpoint's stable release. */
function Before({ column, rows, names }: { column: Column; rows: readonly Row[]; names: readonly string[] }) {
  const endpoint = useQuery(endpointQuery(column.endpoint))
  const releaseId = endpoint.data?.stable_release_id
  const release = useQuery({ ...releaseQuery(releaseId ?? ''), enabled: releaseId != null })
  const model = release.data?.manifest.model_version_id
  const [asked] = useDebouncedValue({ tried: triedOf(column), rows: rows.map((row) => variablesFor(row, names)) }, 700)
  const preview = useQuery({ ...triedPreviewQuery(asked.tried, model ?? 'unknown', asked.rows), enabled: asked.rows.length > 0 })
  if (preview.error) return <p className="dim untrusted" role="status">{problemOf(preview.error).detail}</p>
  const one = preview.data?.[0]
  if (one === undefined) return <p className="dim" role="status">{t`Counting…`}</p>
  const tokens = one.is_estimate ? t`About ${count(one.input_tokens)} tokens` : t`${count(one.input_tokens)} tokens`
  return (
    <p className="dim" role="status">
      {plural(rows.length, { one: `${tokens} for the row`, other: `${tokens} for all # rows` })}; {one.cost_usd === null ? t`no price is known.` : t`with 256 tokens answered each, ${usd(one.cost_usd)}.`}
    </p>
  )
}
