/* Making a channel. A webhook's signing secret is shown this once; what is a secret itself is typed unseen. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Checkbox, NativeSelect, NumberInput, PasswordInput, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useState } from 'react'
import type { Channel } from '../api/types'
import { sh } from '../format/shell'
import { useMay } from '../governance/queries'
import { CommandLine, CopyButton } from '../ui/CommandLine'
import { Dialog, type Faults } from '../ui/Dialog'
import { useFormPlace } from '../ui/FormPlace'
import { useChangeChannel, useMakeChannel, type Destination } from './queries'

type Kind = 'webhook' | 'slack' | 'email'
type Draft = { name: string; kind: Kind; url: string; host: string; port: number; sender: string; recipients: string; username: string; password: string; private: boolean }

const EMPTY: Draft = { name: '', kind: 'webhook', url: '', host: '', port: 587, sender: '', recipients: '', username: '', password: '', private: false }
const NAMES = { name: t`Name`, place: t`Where it tells` }
const SHOWN = ['name', 'destination.*.url', 'destination.*.host', 'destination.*.port', 'destination.*.sender', 'destination.*.recipients', 'destination.*.username', 'destination.*.password']

export function ChannelForm() {
  const [opened, { open, close }] = useDisclosure(false)
  const [draft, setDraft] = useState(EMPTY)
  const make = useMakeChannel()
  const mayPrivate = useMay('providers.private')
  const set = (part: Partial<Draft>): void => setDraft({ ...draft, ...part })
  const secret = make.data?.secret
  return (
    <>
      <Button size="sm" onClick={() => (make.reset(), setDraft(EMPTY), open())}>{t`Make a channel`}</Button>
      <Dialog
        title={t`Make a channel`}
        opened={opened}
        close={close}
        confirm={t`Make it`}
        command={commandOf(draft)}
        shown={SHOWN}
        run={() => make.mutateAsync({ name: draft.name.trim(), destination: destinationOf(draft), private: draft.private })}
        stays
        isSecret
        done={
          <>
            <p>{t`‘${make.data?.channel.name ?? ''}’ is made. Send a test from the list, and name it in a monitor.`}</p>
            {secret != null && (
              <>
                <p>{t`Its receiver checks signatures with this secret. It is shown this once:`}</p>
                <p className="row"><code style={{ overflowWrap: 'anywhere' }}>{secret}</code><CopyButton text={secret} what={t`secret`} /></p>
              </>
            )}
            <div><CommandLine command={sh`treadle channel test ${make.data?.channel.name ?? ''}`} /></div>
          </>
        }
      >
        {(faults) => (
          <>
            <TextInput label={t`Name`} description={t`Small letters, digits and hyphens`} value={draft.name} onChange={(event) => set({ name: event.currentTarget.value })} error={faults('name')} data-autofocus />
            <NativeSelect label={t`How`} value={draft.kind} onChange={(event) => set({ kind: event.currentTarget.value as Kind })} data={[{ value: 'webhook', label: t`Webhook, signed as Standard Webhooks says` }, { value: 'slack', label: t`Slack, Mattermost and alike` }, { value: 'email', label: t`E-mail` }]} />
            <Where draft={draft} set={set} faults={faults} />
            {mayPrivate && <Checkbox label={t`It may be at a private address`} checked={draft.private} onChange={(event) => set({ private: event.currentTarget.checked })} />}
          </>
        )}
      </Dialog>
    </>
  )
}

/** Another name or another place, of the same kind; what is left empty stays. */
export function ChangeChannel({ channel }: { channel: Channel }) {
  const show = useFormPlace()
  return <Button size="compact-xs" variant="default" onClick={() => show((close) => <ChangeForm channel={channel} close={close} />)}><Trans>Change<span className="hidden-visually"> {channel.name}</span></Trans></Button>
}

function ChangeForm({ channel, close }: { channel: Channel; close: () => void }) {
  const [draft, setDraft] = useState<Draft>({ ...EMPTY, name: channel.name, kind: channel.kind })
  const change = useChangeChannel(channel.name)
  const set = (part: Partial<Draft>): void => setDraft({ ...draft, ...part })
  const isElsewhere = draft.kind === 'email' ? draft.host.trim() !== '' : draft.url.trim() !== ''
  const renamed = draft.name.trim() !== channel.name
  return (
    <Dialog
      title={t`Change ${channel.name}`}
      opened
      close={close}
      confirm={t`Change it`}
      words={t`Left empty, its place stays. Monitors and waiting messages follow.`}
      command={changeCommand(channel, draft, renamed, isElsewhere)}
      shown={SHOWN}
      edit={{ revision: channel.revision, was: channel, mine: { name: draft.name.trim(), ...(isElsewhere && { place: placeOf(draft) }) }, names: NAMES, take: (now) => setDraft({ ...EMPTY, name: now.name, kind: now.kind }) }}
      run={(when) => change.mutateAsync({ change: { ...(renamed && { name: draft.name.trim() }), ...(isElsewhere && { destination: destinationOf(draft) }) }, when })}
    >
      {(faults) => (
        <>
          <TextInput label={t`Name`} description={t`Small letters, digits and hyphens`} value={draft.name} onChange={(event) => set({ name: event.currentTarget.value })} error={faults('name')} data-autofocus />
          <Where draft={draft} set={set} faults={faults} />
        </>
      )}
    </Dialog>
  )
}

/** Where it would tell, as the list says it. */
function placeOf(draft: Draft): string {
  return draft.kind === 'email' ? draft.recipients.trim() : draft.kind === 'slack' ? (URL.parse(draft.url.trim())?.origin ?? '') : draft.url.trim()
}

function changeCommand(channel: Channel, draft: Draft, renamed: boolean, isElsewhere: boolean): string {
  const place = !isElsewhere ? [] : draft.kind === 'webhook' ? [sh`--url ${draft.url.trim()}`] : draft.kind === 'slack' ? ['--address'] : [sh`--host ${draft.host.trim()} --from ${draft.sender.trim() || 'ADDRESS'} --to ${draft.recipients.trim() || 'ADDRESS'}`]
  return [sh`treadle channel change ${channel.name}`, ...(renamed ? [sh`--rename ${draft.name.trim() || 'NAME'}`] : []), ...place].join(' ')
}

function Where({ draft, set, faults }: { draft: Draft; set: (part: Partial<Draft>) => void; faults: Faults }) {
  if (draft.kind === 'webhook') return <TextInput label={t`Address`} placeholder="https://example.com/hooks/treadle" value={draft.url} onChange={(event) => set({ url: event.currentTarget.value })} error={faults('destination.*.url')} />
  if (draft.kind === 'slack')
    return <PasswordInput label={t`Address of the incoming webhook`} description={t`A secret: whoever knows it can post`} value={draft.url} onChange={(event) => set({ url: event.currentTarget.value })} error={faults('destination.*.url')} />
  return (
    <>
      <div className="row" style={{ alignItems: 'flex-start' }}>
        <TextInput label={t`SMTP server`} style={{ flex: 1 }} value={draft.host} onChange={(event) => set({ host: event.currentTarget.value })} error={faults('destination.*.host')} />
        <NumberInput label={t`Port`} w={90} min={1} max={65535} hideControls value={draft.port} onChange={(port) => set({ port: Number(port) })} error={faults('destination.*.port')} />
      </div>
      <TextInput label={t`From`} type="email" placeholder="alerts@example.org" value={draft.sender} onChange={(event) => set({ sender: event.currentTarget.value })} error={faults('destination.*.sender')} />
      <TextInput label={t`To`} description={t`Several with commas`} placeholder="team@example.org" value={draft.recipients} onChange={(event) => set({ recipients: event.currentTarget.value })} error={faults('destination.*.recipients')} />
      <TextInput label={t`User name, if it asks for one`} autoComplete="off" value={draft.username} onChange={(event) => set({ username: event.currentTarget.value })} error={faults('destination.*.username')} />
      {draft.username !== '' && <PasswordInput label={t`Password`} autoComplete="new-password" value={draft.password} onChange={(event) => set({ password: event.currentTarget.value })} error={faults('destination.*.password')} />}
    </>
  )
}

function destinationOf(draft: Draft): Destination {
  if (draft.kind !== 'email') return { kind: draft.kind, url: draft.url.trim() }
  return {
    kind: 'email', host: draft.host.trim(), port: draft.port, sender: draft.sender.trim(),
    recipients: draft.recipients.split(',').map((one) => one.trim()).filter(Boolean),
    username: draft.username.trim() || null, password: draft.password || null,
  }
}

function commandOf(draft: Draft): string {
  const name = draft.name.trim() || 'NAME'
  const more = draft.private ? ' --private' : ''
  if (draft.kind === 'webhook') return sh`treadle channel webhook ${name} ${draft.url.trim() || 'URL'}` + more
  if (draft.kind === 'slack') return sh`treadle channel slack ${name}` + more
  const to = draft.recipients.split(',').map((one) => one.trim()).filter(Boolean).map((one) => sh` --to ${one}`).join('')
  return sh`treadle channel email ${name} --host ${draft.host.trim() || 'HOST'} --from ${draft.sender.trim() || 'ADDRESS'}` + (to || ' --to ADDRESS') + (draft.username ? sh` --user ${draft.username.trim()}` : '') + more
}
