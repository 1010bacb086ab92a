/* Secrets: names and never values. A value that is kept again replaces the one before. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, PasswordInput, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { queryOptions, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, body } from '../api/client'
import { sh } from '../format/shell'
import { Confirm } from '../ui/Confirm'
import { DataTable } from '../ui/DataTable'
import { Dialog } from '../ui/Dialog'
import { Page } from '../ui/Page'
import { Answer, Empty } from '../ui/states'
import { When } from '../ui/When'
import { useMay } from './queries'
import { SETTINGS_TABS } from './tabs'

const secretsQuery = queryOptions({ queryKey: ['secrets'], queryFn: () => body(api.GET('/api/v1/secrets')) })

/** Names that something else keeps; they are changed where they belong. */
const isOfProvider = (name: string): boolean => name.startsWith('provider:')

export function Secrets() {
  const secrets = useQuery(secretsQuery)
  const may = useMay('secrets.write')
  return (
    <Page title={t`Secrets`} lead={t`Kept closed under the workspace’s master key and never shown again: keys of providers, and whatever else the project needs.`} command="treadle secret list" python="client.secrets.list_()" actions={<>{may && <KeepSecret />}<Rotate /></>} tabs={SETTINGS_TABS}>
      <Answer query={secrets} what={t`the secrets`}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty title={t`No secret yet`} command="treadle secret set NAME < secret.txt">{t`Keys of providers are kept here as well, when a provider is added.`}</Empty>
          ) : (
            <DataTable
              caption={t`Secrets`}
              rows={rows}
              rowKey={(secret) => secret.name}
              columns={[
                { head: t`Name`, cell: (secret) => <span className="untrusted">{secret.name}</span>, wide: true },
                { head: t`Belongs to`, cell: (secret) => (isOfProvider(secret.name) ? t`a provider` : t`the project`) },
                { head: t`Closed with`, cell: (secret) => <code>{secret.master_key_id}</code> },
                { head: t`Kept`, cell: (secret) => <When at={secret.updated_at} /> },
                ...(may ? [{ head: t`Change`, cell: (secret: (typeof rows)[number]) => (isOfProvider(secret.name) ? <span className="dim">{t`on its provider’s page`}</span> : <div className="row"><KeepSecret name={secret.name} /><Forget name={secret.name} /></div>) }] : []),
              ]}
            />
          )
        }
      </Answer>
    </Page>
  )
}

function KeepSecret({ name: known }: { name?: string }) {
  const [opened, { open, close }] = useDisclosure(false)
  const [name, setName] = useState('')
  const [value, setValue] = useState('')
  const requests = useQueryClient()
  const put = useMutation({
    mutationFn: () => body(api.PUT('/api/v1/secrets/{name}', { params: { path: { name: known ?? name.trim() } }, body: { value } })),
    gcTime: 0,
    onSuccess: () => requests.invalidateQueries({ queryKey: ['secrets'] }),
  })
  return (
    <>
      <Button size={known === undefined ? 'sm' : 'compact-xs'} variant={known === undefined ? 'filled' : 'default'} onClick={() => (setName(''), setValue(''), open())}>
        {known === undefined ? t`Keep a secret` : <Trans>New value<span className="hidden-visually"> of {known}</span></Trans>}
      </Button>
      <Dialog title={known === undefined ? t`Keep a secret` : t`A new value of ${known}`} opened={opened} close={close} confirm={t`Keep it`} disabled={value === '' || (known === undefined && name.trim() === '')} words={known === undefined ? undefined : t`The one before is forgotten at once.`} shown={['name', 'value']} command={`${sh`treadle secret set ${known ?? (name.trim() || 'NAME')}`} < secret.txt`} run={() => put.mutateAsync()}>
        {(faults) => (
          <>
            {known === undefined && <TextInput label={t`Name`} value={name} onChange={(event) => setName(event.currentTarget.value)} error={faults('name')} data-autofocus />}
            <PasswordInput label={t`Value`} autoComplete="off" value={value} onChange={(event) => setValue(event.currentTarget.value)} error={faults('value')} />
          </>
        )}
      </Dialog>
    </>
  )
}

function Forget({ name }: { name: string }) {
  const requests = useQueryClient()
  const forget = useMutation({
    mutationFn: () => body(api.DELETE('/api/v1/secrets/{name}', { params: { path: { name } } })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['secrets'] }),
  })
  return (
    <Confirm title={t`Forget ${name}?`} words={t`Whatever uses it fails from then on.`} command={sh`treadle secret delete ${name}`} confirm={t`Forget it`} danger run={() => forget.mutateAsync()}>
      {(open) => <Button size="compact-xs" variant="subtle" onClick={open}><Trans>Forget<span className="hidden-visually"> {name}</span></Trans></Button>}
    </Confirm>
  )
}

/** For the owner of the workspace: every secret of every project is closed anew. */
function Rotate() {
  const may = useMay('secrets.rotate')
  const requests = useQueryClient()
  const rotate = useMutation({
    mutationFn: () => body(api.POST('/api/v1/secrets/rotations')),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['secrets'] }),
  })
  if (!may) return null
  return (
    <>
      <Confirm title={t`Make a new master key?`} words={t`Every secret of every project is closed with it. Nothing stops meanwhile; keep a copy of the file of keys.`} command="treadle secret rotate" confirm={t`Make it`} run={() => rotate.mutateAsync()}>
        {(open) => <Button size="sm" variant="default" onClick={open}>{t`New master key`}</Button>}
      </Confirm>
      <span role="status" className="dim">{rotate.data && plural(rotate.data.rewrapped, { one: '# secret closed anew', other: '# secrets closed anew' })}</span>
    </>
  )
}
