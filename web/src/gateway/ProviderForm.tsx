/* Adding a provider: one that is well known needs only its key, any other also where it is and what it speaks. */
import { t } from '@lingui/core/macro'
import { Button, Checkbox, NativeSelect, PasswordInput, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { sh } from '../format/shell'
import { useMay } from '../governance/queries'
import { Dialog } from '../ui/Dialog'
import { KINDS } from './kinds'
import { presetsQuery, useAddProvider, type NewProvider } from './queries'

const OTHER = ''
/** What holds where nobody says so. */
const CONNECTIONS = 200

export function ProviderForm() {
  const [opened, { open, close }] = useDisclosure(false)
  return (
    <>
      <Button size="sm" onClick={open}>{t`Add a provider`}</Button>
      {opened && <Form close={close} />}
    </>
  )
}

function Form({ close }: { close: () => void }) {
  const presets = useQuery(presetsQuery)
  const add = useAddProvider()
  const [preset, setPreset] = useState('openai')
  const [name, setName] = useState('')
  const [kind, setKind] = useState<(typeof KINDS)[number]>('openai')
  const [url, setUrl] = useState('')
  const [region, setRegion] = useState('')
  const [secret, setSecret] = useState('')
  const [isPrivate, setPrivate] = useState(false)
  const mayPrivate = useMay('providers.private')
  const known = presets.data?.find((one) => one.name === preset)
  const asksUrl = preset === OTHER || (known?.base_url.includes('<') ?? false)
  const wanted: NewProvider = {
    name: name.trim() || null, preset: preset || null, region: region.trim() || null, secret: secret.trim() || null, headers: {}, options: {}, max_connections: CONNECTIONS,
    ...(isPrivate && { private: true }), ...(preset === OTHER && { kind }), ...(url.trim() !== '' && { base_url: url.trim() }),
  }
  const parts = [
    sh`treadle provider add ${name.trim() || preset || 'NAME'}`, preset !== OTHER && name.trim() !== '' && sh`--preset ${preset}`, preset === OTHER && sh`--kind ${kind}`,
    url.trim() !== '' && sh`--url ${url.trim()}`, region.trim() !== '' && sh`--region ${region.trim()}`, isPrivate && '--private', secret === '' ? '--no-key' : '< key.txt',
  ]
  return (
    <Dialog title={t`Add a provider`} opened close={close} confirm={t`Add it`} command={parts.filter(Boolean).join(' ')} shown={['name', 'base_url', 'secret', 'region']} run={() => add.mutateAsync(wanted)}>
      {(faults) => (
        <>
          <NativeSelect label={t`Which`} value={preset} onChange={(event) => setPreset(event.currentTarget.value)} data={[...(presets.data ?? []).map((one) => ({ value: one.name, label: one.title })), { value: OTHER, label: t`Another one` }]} data-autofocus />
          <TextInput label={t`Name`} description={preset === OTHER ? t`What targets call it` : t`Left empty, “${preset}”`} value={name} onChange={(event) => setName(event.currentTarget.value)} error={faults('name')} />
          {preset === OTHER && <NativeSelect label={t`What it speaks`} value={kind} data={[...KINDS]} onChange={(event) => setKind(KINDS.find((one) => one === event.currentTarget.value) ?? 'openai')} />}
          {asksUrl && <TextInput label={t`Where it is`} placeholder={known?.base_url ?? 'https://api.example.com/v1'} value={url} onChange={(event) => setUrl(event.currentTarget.value)} error={faults('base_url')} />}
          <TextInput label={t`Region`} description={t`For routing by region; Bedrock needs it`} value={region} onChange={(event) => setRegion(event.currentTarget.value)} error={faults('region')} />
          {mayPrivate && <Checkbox label={t`It may be at a private address`} checked={isPrivate} onChange={(event) => setPrivate(event.currentTarget.checked)} />}
          <PasswordInput label={t`Key`} description={known?.key_from ? t`Found at ${known.key_from}` : t`Left empty where it needs none`} autoComplete="off" value={secret} onChange={(event) => setSecret(event.currentTarget.value)} error={faults('secret')} />
        </>
      )}
    </Dialog>
  )
}
