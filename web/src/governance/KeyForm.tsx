/* Making a key: for a program, a person, or a web page. The key is shown this once. */
import { t } from '@lingui/core/macro'
import { Button, Checkbox, NativeSelect, NumberInput, Textarea, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { Body } from '../api/types'
import { sh } from '../format/shell'
import { CopyButton } from '../ui/CommandLine'
import { Dialog } from '../ui/Dialog'
import { rolesQuery, useMakeKey } from './queries'

type NewKey = Body<'/api/v1/access/keys', 'post'>
type RoleName = NonNullable<NewKey['role']>
type Whose = 'program' | 'person' | 'page'
type Draft = { whose: Whose; name: string; person: string; role: RoleName; scopes: string[] | null; endpoints: string; origins: string; perMinute: number; days: number }

const EMPTY: Draft = { whose: 'program', name: '', person: '', role: 'service', scopes: null, endpoints: '', origins: '', perMinute: 60, days: 90 }

export function KeyForm() {
  const [opened, { open, close }] = useDisclosure(false)
  const [draft, setDraft] = useState(EMPTY)
  const roles = useQuery({ ...rolesQuery, enabled: opened })
  const make = useMakeKey()
  const set = (part: Partial<Draft>): void => setDraft({ ...draft, ...part })
  const allowed = roles.data?.find((role) => role.name === draft.role)?.permissions ?? []
  const key = make.data?.key
  return (
    <>
      <Button size="sm" onClick={() => (make.reset(), setDraft(EMPTY), open())}>{t`Make a key`}</Button>
      <Dialog
        title={t`Make a key`}
        opened={opened}
        close={() => (close(), make.reset())}
        confirm={t`Make it`}
        size="lg"
        command={commandOf(draft)}
        shown={['name', 'person', 'endpoints', 'origins', 'per_minute', 'days']}
        run={() => make.mutateAsync(keyOf(draft))}
        stays
        isSecret
        done={
          <>
            <p>{t`‘${make.data?.api_key.name ?? ''}’ is made. Keep it safe: it is shown this once.`}</p>
            {key !== undefined && <p className="row"><code data-secret style={{ overflowWrap: 'anywhere' }}>{key}</code><CopyButton text={key} what={t`key`} /></p>}
          </>
        }
      >
        {(faults) => (
          <>
            <NativeSelect label={t`Whose it is`} value={draft.whose} onChange={(event) => { const whose = event.currentTarget.value as Whose; set({ whose, role: whose === 'person' ? 'editor' : 'service', scopes: null }) }} data={[{ value: 'program', label: t`A program’s: you answer for it` }, { value: 'person', label: t`A person’s` }, { value: 'page', label: t`A web page’s: it only sends feedback` }]} />
            <TextInput label={t`What it is for`} value={draft.name} onChange={(event) => set({ name: event.currentTarget.value })} error={faults('name')} data-autofocus />
            {draft.whose === 'person' && <TextInput label={t`The person’s name`} description={t`Made with the first key; all keys of a name are one person`} value={draft.person} onChange={(event) => set({ person: event.currentTarget.value })} error={faults('person')} />}
            {draft.whose !== 'page' && (
              <NativeSelect label={t`Role`} value={draft.role} onChange={(event) => set({ role: event.currentTarget.value as RoleName, scopes: null })} data={(roles.data ?? []).filter((role) => draft.whose !== 'person' || role.name !== 'service').map((role) => ({ value: role.name, label: `${role.name}: ${role.meaning}` }))} />
            )}
            <TextInput label={draft.whose === 'page' ? t`The endpoint whose answers it may speak about` : t`Endpoints that it may call`} description={draft.whose === 'page' ? undefined : t`With commas; left empty, all of them`} value={draft.endpoints} onChange={(event) => set({ endpoints: event.currentTarget.value })} error={faults('endpoints')} />
            {draft.whose === 'page' && (
              <>
                <Textarea label={t`Where its pages come from`} description={t`One a line, such as https://shop.example.com`} autosize minRows={2} value={draft.origins} onChange={(event) => set({ origins: event.currentTarget.value })} error={faults('origins')} />
                <NumberInput label={t`Feedback a minute, all pages together`} min={1} max={6000} value={draft.perMinute} onChange={(value) => set({ perMinute: Number(value) })} error={faults('per_minute')} />
              </>
            )}
            <NumberInput label={t`Good for so many days`} min={1} max={3650} value={draft.days} onChange={(value) => set({ days: Number(value) })} error={faults('days')} />
            {draft.whose !== 'page' && (
              <>
                <Checkbox label={t`Cut it down to some of the role’s permissions`} checked={draft.scopes !== null} onChange={(event) => set({ scopes: event.currentTarget.checked ? [...allowed] : null })} />
                {draft.scopes !== null && (
                  <Checkbox.Group aria-label={t`Permissions`} value={draft.scopes} onChange={(scopes) => set({ scopes })}>
                    <div className="columns" style={{ gridTemplateColumns: 'repeat(auto-fit, minmax(11rem, 1fr))', gap: '0.35rem' }}>{allowed.map((permission) => <Checkbox key={permission} value={permission} label={permission} size="xs" />)}</div>
                  </Checkbox.Group>
                )}
              </>
            )}
          </>
        )}
      </Dialog>
    </>
  )
}

const listed = (text: string): string[] => text.split(/[\n,]/).map((one) => one.trim()).filter(Boolean)

export function keyOf(draft: Draft): NewKey {
  const endpoints = listed(draft.endpoints)
  return {
    name: draft.name.trim(), days: draft.days, endpoints: endpoints.length > 0 ? endpoints : null,
    ...(draft.whose === 'page' ? { kind: 'publishable', role: 'service', origins: listed(draft.origins), per_minute: draft.perMinute } : { kind: 'secret', role: draft.role, scopes: draft.scopes }),
    ...(draft.whose === 'person' && { person: draft.person.trim() }),
  }
}

function commandOf(draft: Draft): string {
  const parts = [sh`treadle access key create --name ${draft.name.trim() || 'NAME'}`]
  if (draft.whose === 'person') parts.push(sh`--person ${draft.person.trim() || 'NAME'}`)
  if (draft.whose === 'page') parts.push('--publishable', ...listed(draft.origins).map((origin) => sh`--origin ${origin}`), sh`--per-minute ${draft.perMinute}`)
  else parts.push(sh`--role ${draft.role}`, ...(draft.scopes ?? []).map((scope) => sh`--scope ${scope}`))
  return [...parts, ...listed(draft.endpoints).map((endpoint) => sh`--endpoint ${endpoint}`), sh`--days ${draft.days}`].join(' ')
}
