/* Providers: who answers beside our own engines. Each can be tried by one real call, which says what is wrong. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, PasswordInput, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { problemOf } from '../api/problem'
import type { Provider } from '../api/types'
import { duration } from '../format/numbers'
import { sh } from '../format/shell'
import { useMay } from '../governance/queries'
import { Confirm } from '../ui/Confirm'
import { DataTable } from '../ui/DataTable'
import { Dialog } from '../ui/Dialog'
import { useFormPlace } from '../ui/FormPlace'
import { Page } from '../ui/Page'
import { Answer, Empty } from '../ui/states'
import { Status, Tag } from '../ui/Status'
import { When } from '../ui/When'
import { ChangeProvider } from './ChangeProvider'
import { ProviderForm } from './ProviderForm'
import { providersQuery, useCheckProvider, useProviderKey, useRemoveProvider } from './queries'
import { GATEWAY_TABS } from './tabs'

export function Providers() {
  const providers = useQuery(providersQuery)
  const may = useMay('providers.write')
  return (
    <Page title={t`Providers`} lead={t`Who answers beside our own engines. Releases name them as targets; their keys are kept closed and never shown.`} actions={may && <ProviderForm />} command="treadle provider list" python="client.providers.list_()" tabs={GATEWAY_TABS}>
      <Answer query={providers} what={t`the providers`}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty title={t`No provider yet`} command="treadle provider add openai < key.txt">{t`Weights that are registered here need none. A provider is a service elsewhere, such as OpenAI, Anthropic, or a server of your own.`}</Empty>
          ) : (
            <DataTable
              caption={t`Providers`}
              rows={rows}
              rowKey={(provider) => provider.name}
              columns={[
                { head: t`Name`, cell: (provider) => provider.name },
                { head: t`Speaks`, cell: (provider) => provider.kind },
                { head: t`Where`, cell: (provider) => <><span className="untrusted">{provider.base_url}</span> {provider.region && <Tag>{provider.region}</Tag>} {provider.private && <Tag>{t`private address`}</Tag>}</>, wide: true },
                { head: t`Key`, cell: (provider) => (provider.has_secret ? <Status state="ok" word={t`Kept`} /> : <Status state="off" word={t`None`} />) },
                { head: t`Changed`, cell: (provider) => <When at={provider.updated_at} /> },
                ...(may ? [{ head: t`Try`, cell: (provider: Provider) => <Try name={provider.name} /> }, { head: t`Change`, cell: (provider: Provider) => <div className="row"><ChangeProvider provider={provider} /><NewKey name={provider.name} /><Remove name={provider.name} /></div> }] : []),
              ]}
            />
          )
        }
      </Answer>
    </Page>
  )
}

/** Without a model it only lists models, which costs nothing. */
function Try({ name }: { name: string }) {
  const [model, setModel] = useState('')
  const check = useCheckProvider(name)
  return (
    <form
      className="stack-tight"
      style={{ minWidth: '14rem' }}
      onSubmit={(event) => {
        event.preventDefault()
        check.mutate(model.trim() || null)
      }}
    >
      <div className="row">
        <TextInput size="xs" w={130} aria-label={t`Model of ${name} to ask for one word`} placeholder={t`a model, or none`} value={model} onChange={(event) => setModel(event.currentTarget.value)} />
        <Button size="compact-xs" variant="default" type="submit" loading={check.isPending}><Trans>Check<span className="hidden-visually"> {name}</span></Trans></Button>
      </div>
      <div role="status">
        {check.data && <><Status state={check.data.is_working ? 'ok' : 'failed'} word={check.data.is_working ? t`Works, ${duration(check.data.latency_ms)}` : t`Does not work`} /> <span className="untrusted dim">{check.data.message}</span></>}
        {check.error && <span className="untrusted">{problemOf(check.error).detail}</span>}
      </div>
    </form>
  )
}

function NewKey({ name }: { name: string }) {
  const show = useFormPlace()
  return <Button size="compact-xs" variant="default" onClick={() => show((close) => <KeyForm name={name} close={close} />)}><Trans>New key<span className="hidden-visually"> for {name}</span></Trans></Button>
}

function KeyForm({ name, close }: { name: string; close: () => void }) {
  const [value, setValue] = useState('')
  const put = useProviderKey(name)
  return (
    <Dialog title={t`A new key for ${name}`} opened close={close} confirm={t`Keep it`} disabled={value.trim() === ''} words={t`The one before is forgotten at once.`} command={`${sh`treadle provider key ${name}`} < key.txt`} shown={['value']} run={() => put.mutateAsync(value.trim())}>
      {(faults) => <PasswordInput label={t`Key`} autoComplete="off" value={value} onChange={(event) => setValue(event.currentTarget.value)} error={faults('value')} data-autofocus />}
    </Dialog>
  )
}

function Remove({ name }: { name: string }) {
  const remove = useRemoveProvider(name)
  return (
    <Confirm title={t`Remove ${name}?`} words={t`Its key is forgotten. Releases that name it as a target ask the others.`} command={sh`treadle provider remove ${name}`} confirm={t`Remove it`} danger run={() => remove.mutateAsync()}>
      {(open) => <Button size="compact-xs" variant="subtle" onClick={open}><Trans>Remove<span className="hidden-visually"> {name}</span></Trans></Button>}
    </Confirm>
  )
}
