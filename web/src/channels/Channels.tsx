/* Where alerts are told: the list, a test of each, and the way to make one. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { problemOf } from '../api/problem'
import type { Channel } from '../api/types'
import { sh } from '../format/shell'
import { useMay } from '../governance/queries'
import { ALERTS_TABS } from '../monitoring/tabs'
import { Confirm } from '../ui/Confirm'
import { DataTable } from '../ui/DataTable'
import { More } from '../ui/More'
import { Page } from '../ui/Page'
import { Empty } from '../ui/states'
import { Status, Tag } from '../ui/Status'
import { When } from '../ui/When'
import { ChangeChannel, ChannelForm } from './ChannelForm'
import { channelsQuery, useRemoveChannel, useTestChannel } from './queries'

const KINDS: Record<Channel['kind'], string> = { webhook: 'webhook', slack: 'Slack', email: 'e-mail' }

export function Channels() {
  const channels = useInfiniteQuery(channelsQuery)
  const may = useMay('monitors.write')
  return (
    <Page title={t`Channels`} lead={t`Where alerts are told: monitors name them.`} actions={may && <ChannelForm />} command="treadle channel list" python="client.channels.list_()" tabs={ALERTS_TABS}>
      <More
        query={channels}
        counted={(num) => plural(num, { one: '# channel', other: '# channels' })}
        empty={<Empty title={t`No channel yet`} command="treadle channel webhook ops https://example.com/hooks/treadle">{t`Alerts stand on their page; a channel tells them to people by webhook, e-mail or in Slack.`}</Empty>}
      >
        {(rows) => (
          <DataTable
            caption={t`Channels`}
            rows={rows}
            rowKey={(channel) => channel.name}
            columns={[
              { head: t`Name`, cell: (channel) => channel.name },
              { head: t`How`, cell: (channel) => KINDS[channel.kind] },
              { head: t`Where`, cell: (channel) => <>{channel.place} {channel.private && <Tag>{t`private address`}</Tag>}</>, wide: true },
              { head: t`Made`, cell: (channel) => <When at={channel.created_at} /> },
              ...(may ? [{ head: t`Change`, cell: (channel: Channel) => <ChangeChannel channel={channel} /> }, { head: t`Try`, cell: (channel: Channel) => <Try channel={channel} /> }, { head: t`Remove`, cell: (channel: Channel) => <Remove channel={channel} /> }] : []),
            ]}
          />
        )}
      </More>
    </Page>
  )
}

function Try({ channel }: { channel: Channel }) {
  const test = useTestChannel(channel.name)
  return (
    <div className="stack-tight">
      <span><Button size="compact-xs" variant="default" loading={test.isPending} onClick={() => test.mutate()}><Trans>Send a test<span className="hidden-visually"> to {channel.name}</span></Trans></Button></span>
      <span role="status">
        {test.data && <><Status state={test.data.status} /> {test.data.error && <span className="untrusted">{test.data.error}</span>}</>}
        {test.error && <span className="untrusted">{problemOf(test.error).detail}</span>}
      </span>
    </div>
  )
}

function Remove({ channel }: { channel: Channel }) {
  const remove = useRemoveChannel(channel.name)
  return (
    <Confirm title={t`Remove ${channel.name}?`} words={t`Monitors that name it tell nobody there any more.`} command={sh`treadle channel remove ${channel.name}`} confirm={t`Remove it`} danger run={() => remove.mutateAsync()}>
      {(open) => <Button size="compact-xs" variant="subtle" onClick={open}><Trans>Remove<span className="hidden-visually"> {channel.name}</span></Trans></Button>}
    </Confirm>
  )
}
