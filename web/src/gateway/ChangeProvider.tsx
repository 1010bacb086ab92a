/* Changing a provider: where it is, what it speaks, its region, options and headers. Its name stays, and its key unless it moves. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Checkbox, NativeSelect, NumberInput, PasswordInput, Textarea, TextInput } from '@mantine/core'
import { useState } from 'react'
import type { Provider } from '../api/types'
import { sh } from '../format/shell'
import { useMay } from '../governance/queries'
import { Dialog } from '../ui/Dialog'
import { ticked } from '../ui/fieldNames'
import { useFormPlace } from '../ui/FormPlace'
import { KINDS } from './kinds'
import { linesOf, pairsIn } from './pairs'
import { useChangeProvider, type ChangedProvider } from './queries'

const NAMES = {
  base_url: t`Where it is`, kind: t`What it speaks`, region: t`Region`, max_connections: t`Requests at once`, options: t`Options`, headers: t`Headers sent with each request`,
  private: ticked(t`It may be at a private address`),
}
/** What others changed of these meanwhile stays, entry by entry; all else belongs together. */
const ALONE = ['region', 'max_connections', 'options', 'headers'] as const

export function ChangeProvider({ provider }: { provider: Provider }) {
  const show = useFormPlace()
  return <Button size="compact-xs" variant="default" onClick={() => show((close) => <Form provider={provider} close={close} />)}><Trans>Change<span className="hidden-visually"> {provider.name}</span></Trans></Button>
}

function Form({ provider, close }: { provider: Provider; close: () => void }) {
  const change = useChangeProvider(provider.name)
  const mayPrivate = useMay('providers.private')
  const [kind, setKind] = useState(provider.kind)
  // Where it was when what is typed here was begun: a key is for the address that stands here, and is sent nowhere else.
  const [from, setFrom] = useState(provider.base_url)
  const [url, setUrl] = useState(from)
  const [region, setRegion] = useState(provider.region ?? '')
  const [options, setOptions] = useState(linesOf(provider.options))
  const [headers, setHeaders] = useState(linesOf(provider.headers))
  const [connections, setConnections] = useState(provider.max_connections)
  const [isPrivate, setPrivate] = useState(provider.private)
  const [secret, setSecret] = useState('')
  const take = (now: Provider): void => {
    setKind(now.kind)
    setFrom(now.base_url)
    setUrl(now.base_url)
    setSecret('')
    setRegion(now.region ?? '')
    setOptions(linesOf(now.options))
    setHeaders(linesOf(now.headers))
    setConnections(now.max_connections)
    setPrivate(now.private)
  }
  const asksKey = provider.has_secret && url.trim() !== from
  const edited: ChangedProvider = { kind, base_url: url.trim(), region: region.trim() || null, options: pairsIn(options), headers: pairsIn(headers), private: isPrivate, max_connections: connections }
  // With the key that was typed for this address, if one was.
  const withKey = (changed: ChangedProvider): ChangedProvider => ({ ...changed, ...(asksKey && secret.trim() !== '' && { secret: secret.trim() }) })
  return (
    <Dialog
      title={t`Change ${provider.name}`}
      opened
      close={close}
      confirm={t`Change it`}
      size="lg"
      command={commandOf(provider, withKey(edited))}
      shown={['kind', 'base_url', 'region', 'options', 'headers', 'max_connections', 'secret']}
      stays
      done={<p role="status">{change.data?.notice ?? t`It is changed; the gateway asks it so from now on.`}</p>}
      run={(when, changed = edited) => change.mutateAsync({ changed: withKey(changed), when })}
      edit={{ revision: provider.revision, was: provider, mine: edited, names: NAMES, alone: ALONE, take }}
    >
      {(faults) => (
        <>
          <TextInput label={t`Where it is`} value={url} onChange={(event) => (setUrl(event.currentTarget.value), setSecret(''))} error={faults('base_url')} data-autofocus />
          {asksKey && <PasswordInput label={t`Key`} description={t`It moves: left empty, the key that is kept is forgotten, because it is never sent where it was not given for`} autoComplete="off" value={secret} onChange={(event) => setSecret(event.currentTarget.value)} error={faults('secret')} />}
          <div className="row" style={{ alignItems: 'flex-start' }}>
            <NativeSelect label={t`What it speaks`} value={kind} data={[...KINDS]} onChange={(event) => setKind(KINDS.find((one) => one === event.currentTarget.value) ?? kind)} error={faults('kind')} />
            <TextInput label={t`Region`} w={160} value={region} onChange={(event) => setRegion(event.currentTarget.value)} error={faults('region')} />
            <NumberInput label={t`Requests at once`} w={150} min={1} max={5000} value={connections} onChange={(num) => setConnections(Number(num))} error={faults('max_connections')} />
          </div>
          <Textarea label={t`Options`} description={t`One on each line, such as api-version=2026-01-01`} autosize minRows={1} maxRows={8} value={options} onChange={(event) => setOptions(event.currentTarget.value)} error={faults('options')} />
          <Textarea label={t`Headers sent with each request`} description={t`One on each line, as name=value; keys and cookies are refused here`} autosize minRows={1} maxRows={8} value={headers} onChange={(event) => setHeaders(event.currentTarget.value)} error={faults('headers')} />
          {(mayPrivate || isPrivate) && <Checkbox label={t`It may be at a private address`} checked={isPrivate} disabled={!mayPrivate} onChange={(event) => setPrivate(event.currentTarget.checked)} />}
        </>
      )}
    </Dialog>
  )
}

/** The command names what is another than before. */
function commandOf(provider: Provider, wanted: ChangedProvider): string {
  const pairs = (flag: string, now: Record<string, string> = {}, before: Record<string, string>): string =>
    Object.entries(now).filter(([name, value]) => before[name] !== value).map(([name, value]) => ` ${flag}${sh` ${`${name}=${value}`}`}`).join('') + Object.keys(before).filter((name) => !(name in now)).map((name) => ` ${flag}${sh` ${`${name}=`}`}`).join('')
  return (
    sh`treadle provider change ${provider.name}` +
    (wanted.base_url === provider.base_url ? '' : sh` --url ${wanted.base_url}`) +
    (wanted.kind === provider.kind ? '' : sh` --kind ${wanted.kind}`) +
    (wanted.region === provider.region ? '' : sh` --region ${wanted.region ?? ''}`) +
    pairs('--option', wanted.options, provider.options) +
    pairs('--header', wanted.headers, provider.headers) +
    (wanted.max_connections === provider.max_connections ? '' : sh` --max-connections ${wanted.max_connections ?? ''}`) +
    (wanted.private === provider.private ? '' : wanted.private ? ' --private' : ' --public') +
    (wanted.secret == null ? '' : ' --key < key.txt')
  )
}
