/* Writing a version of a prompt. It is saved on top of what was read: when somebody saved in between, both are shown and nothing
   is lost. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, NativeSelect, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { problemOf, type Problem } from '../api/problem'
import type { PromptVersion } from '../api/types'
import { sh } from '../format/shell'
import { SideBySide } from '../ui/Diff'
import { keep, readKept } from '../ui/kept'
import { Page, Section } from '../ui/Page'
import { Answer, Loading, ProblemState } from '../ui/states'
import { Tag } from '../ui/Status'
import { When } from '../ui/When'
import { draftOf, EMPTY, faultOf, keptOf, newVersionOf, ROLES, variablesOf, type Draft, type Kept } from './draft'
import { LazyEditor } from './LazyEditor'
import { partsOf } from './parts'
import { promptQuery, promptVersionQuery, useSaveVersion } from './queries'

const HERE = '/prompts/$name/write'
const CHANGED = 'prompts.changed_meanwhile'

export function WritePage() {
  const { name } = useParams({ from: `/frame${HERE}` })
  const { from = 'latest', first } = useSearch({ from: `/frame${HERE}` })
  const isFirst = first === 'yes'
  return (
    <Page
      title={isFirst ? t`Write ${name}` : t`Write a version of ${name}`}
      crumbs={[{ label: t`Prompts`, to: '/prompts' }, ...(isFirst ? [] : [{ label: name, to: `/prompts/${encodeURIComponent(name)}` }])]}
      command={sh`treadle prompt create ${name} --text TEXT --message WHY`}
      python={`client.prompts.save(${JSON.stringify(name)}, NewVersion(messages=[Message(role="user", template="…")], message="why"))`}
    >
      <Begin key={`${name} ${from} ${first}`} name={name} from={isFirst ? null : from} />
    </Page>
  )
}

/** What one writes on: what this visit read, or what was kept from before. `from` is null for a first version. */
function Begin({ name, from }: { name: string; from: string | null }) {
  const place = `treadle-prompt:${name}:${from ?? ''}`
  const [kept, setKept] = useState(() => keptOf(readKept('local', place)))
  const base = useQuery({ ...promptVersionQuery(name, kept?.base == null ? (from ?? '') : String(kept.base)), enabled: from !== null, staleTime: 0 })
  // On top of 'latest' is on top of what was read; on top of any other, of the newest there is.
  const asksNewest = from !== null && from !== 'latest' && kept === null
  const prompt = useQuery({ ...promptQuery(name), enabled: asksNewest, staleTime: 0 })
  const write = (version: PromptVersion | null, newest: number) => (
    <Writing
      key={kept ? 'kept' : 'new'}
      name={name}
      place={place}
      base={version}
      latest={newest}
      kept={kept}
      startOver={() => {
        keep('local', place, null)
        setKept(null)
      }}
    />
  )
  if (from === null) return write(null, 0)
  // An answer from before this visit may be older than what the page before this one showed.
  if ((base.data && !base.isFetchedAfterMount) || (asksNewest && prompt.data && !prompt.isFetchedAfterMount)) return <Loading what={t`the version`} />
  return (
    <Answer query={base} what={t`the version`}>
      {(version) => (asksNewest ? <Answer query={prompt} what={t`the prompt`}>{({ latest_version }) => write(version, latest_version)}</Answer> : write(version, kept?.seen ?? version.version))}
    </Answer>
  )
}

type WritingProps = { name: string; place: string; base: PromptVersion | null; latest: number; kept: Kept | null; startOver: () => void }

function Writing({ name, place, base: given, latest, kept, startOver }: WritingProps) {
  // What one began from stays what one began from, whatever is the newest by now.
  const [base] = useState(given)
  const [begun] = useState<Draft>(base ? draftOf(base) : EMPTY)
  const [draft, setDraft] = useState<Draft>(kept?.draft ?? begun)
  const [message, setMessage] = useState(kept?.message ?? '')
  const [seen, setSeen] = useState(latest)
  const isTyped = message !== '' || JSON.stringify(draft) !== JSON.stringify(begun)
  useEffect(() => keep('local', place, isTyped ? { base: base?.version ?? null, seen, draft, message } : null), [place, isTyped, base, seen, draft, message])
  const [problem, setProblem] = useState<Problem | null>(null)
  const save = useSaveVersion(name)
  const requests = useQueryClient()
  const navigate = useNavigate()
  const set = (part: Partial<Draft>): void => setDraft({ ...draft, ...part })
  const wrong = [draft.config, draft.inputSchema, draft.outputSchema].some((text) => faultOf(text) !== null)
  const isEmpty = draft.messages.every(({ template }) => template === '')

  const submit = async (ifLatest: number): Promise<void> => {
    setProblem(null)
    try {
      const made = await save.mutateAsync({ draft: newVersionOf(draft, message.trim(), base), ifLatest })
      keep('local', place, null)
      void navigate({ to: '/prompts/$name', params: { name }, search: { version: String(made.version) } })
    } catch (thrown) {
      const told = problemOf(thrown)
      if (told.code === CHANGED) await requests.invalidateQueries({ queryKey: ['prompts', name] })
      setProblem(told)
    }
  }
  const newest = problem?.code === CHANGED ? Number(problem.values['newest']) : null
  return (
    <>
      <div className="row" style={{ alignItems: 'flex-end' }}>
        <NativeSelect label={t`Kind`} size="xs" value={draft.kind} onChange={(event) => set({ kind: event.currentTarget.value === 'text' ? 'text' : 'chat' })} data={[{ value: 'chat', label: t`Messages` }, { value: 'text', label: t`One text, which others may include` }]} />
        <NativeSelect label={t`Language`} size="xs" value={draft.engine} onChange={(event) => set({ engine: event.currentTarget.value === 'jinja' ? 'jinja' : 'mustache' })} data={[{ value: 'mustache', label: t`Mustache` }, { value: 'jinja', label: t`Jinja` }]} />
        {base && <p className="dim">{t`Begun from v${base.version}.`}</p>}
      </div>
      {kept && (
        <p className="row" role="status">
          {t`What you wrote here before is still here.`}
          <Button size="compact-xs" variant="default" onClick={startOver}>{t`Start over`}</Button>
        </p>
      )}
      <Section title={t`Messages`} beside={draft.kind === 'chat' && <Button size="xs" variant="default" onClick={() => set({ messages: [...draft.messages, { role: 'user', template: '' }] })}>{t`Another message`}</Button>}>
        {draft.messages.map((one, at) => (
          <div key={at} className="stack-tight" role="group" aria-label={t`Message ${at + 1}`}>
            {draft.kind === 'chat' && (
              <div className="row" style={{ alignItems: 'flex-end' }}>
                <NativeSelect size="xs" aria-label={t`Who says message ${at + 1}`} value={one.role} data={ROLES} onChange={(event) => set({ messages: draft.messages.map((other, place) => (place === at ? { ...other, role: ROLES.find((role) => role === event.currentTarget.value) ?? 'user' } : other)) })} />
                {draft.messages.length > 1 && <Button size="xs" variant="default" aria-label={t`Remove message ${at + 1}`} onClick={() => set({ messages: draft.messages.filter((_, place) => place !== at) })}>{t`Remove`}</Button>}
              </div>
            )}
            <LazyEditor label={t`Text of message ${at + 1}`} value={one.template} language={draft.engine} hint={'Hello {{name}}'} onChange={(template) => setDraft((before) => ({ ...before, messages: before.messages.map((other, place) => (place === at ? { ...other, template } : other)) }))} />
          </div>
        ))}
        <Asks draft={draft} />
      </Section>
      <div className="columns">
        <JsonField title={t`Parameters`} hint='{"temperature": 0.2}' value={draft.config} onChange={(config) => setDraft((before) => ({ ...before, config }))} />
        <JsonField title={t`Schema of the variables`} hint='{"type": "object", …}' value={draft.inputSchema} onChange={(inputSchema) => setDraft((before) => ({ ...before, inputSchema }))} />
        <JsonField title={t`Schema of the answer`} hint='{"type": "object", …}' value={draft.outputSchema} onChange={(outputSchema) => setDraft((before) => ({ ...before, outputSchema }))} />
      </div>
      <Section title={t`Save`}>
        <TextInput label={t`Why, as in a commit`} maxLength={500} value={message} onChange={(event) => setMessage(event.currentTarget.value)} maw={520} />
        {problem && newest === null && <ProblemState problem={problem} deed />}
        {newest !== null && (
          <Conflict
            name={name}
            base={base}
            newest={newest}
            problem={problem!}
            keepMine={() => {
              setSeen(newest)
              void submit(newest)
            }}
          />
        )}
        <div className="row">
          <Button onClick={() => void submit(seen)} loading={save.isPending} disabled={wrong || isEmpty}>{t`Save as a version`}</Button>
          <Button
            variant="default"
            onClick={() => {
              keep('local', place, null)
              void navigate(base ? { to: '/prompts/$name', params: { name } } : { to: '/prompts' })
            }}
          >
            {t`Cancel`}
          </Button>
        </div>
      </Section>
    </>
  )
}

function Asks({ draft }: { draft: Draft }) {
  const names = variablesOf(draft.messages.map(({ template }) => template))
  if (draft.engine === 'jinja') return <p className="dim">{t`What it fills in is found when it is saved.`}</p>
  return <p className="dim">{names.length === 0 ? t`It fills in nothing: every request says the same.` : <Trans>It fills in {names.map((name, at) => <span key={name}>{at > 0 && ', '}<code>{name}</code></span>)}.</Trans>}</p>
}

function JsonField({ title, hint, value, onChange }: { title: string; hint: string; value: string; onChange: (value: string) => void }) {
  const fault = faultOf(value)
  return (
    <Section title={title}>
      <LazyEditor label={title} value={value} language="json" hint={hint} onChange={onChange} />
      {fault && <p role="alert"><Tag tone="bad">{t`No JSON object`}</Tag> {fault}</p>}
    </Section>
  )
}

/** What somebody else saved, beside what this one was begun from. */
function Conflict({ name, base, newest, problem, keepMine }: { name: string; base: PromptVersion | null; newest: number; problem: Problem; keepMine: () => void }) {
  const theirs = useQuery(promptVersionQuery(name, String(newest)))
  return (
    <div className="stack-tight" data-problem={problem.code}>
      <div className="stack-tight" role="alert">
        <h3>{t`Somebody saved version ${newest} in between`}</h3>
        <p>{t`What you wrote is still here. Look at what changed, take over what you need, and save on top of it.`}</p>
      </div>
      <Answer query={theirs} what={t`what was saved`}>
        {(version) => (
          <>
            <p className="dim"><Trans>v{version.version}: {version.message || t`nothing was said why`}, <When at={version.created_at} /></Trans></p>
            {base
              ? partsOf(base, version).map((part) => <SideBySide key={part.title} {...part} names={[t`v${base.version}, where you began`, `v${version.version}`]} />)
              : version.messages.map((one, at) => <SideBySide key={at} title={t`Message ${at + 1}`} before={null} after={one.template} names={[t`where you began`, `v${version.version}`]} />)}
          </>
        )}
      </Answer>
      <div><Button variant="default" onClick={keepMine}>{t`Save mine on top of version ${newest}`}</Button></div>
    </div>
  )
}
