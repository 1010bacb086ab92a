/* What drift found: each channel with its p-value, and for those that moved the words, figures and examples that tell the window
   from the reference. Nothing for other rules. */
import { t } from '@lingui/core/macro'
import { Link } from '@tanstack/react-router'
import { measure, percent } from '../format/numbers'
import { DataTable } from '../ui/DataTable'
import { Section } from '../ui/Page'

type Explanation = {
  terms?: { term: string; window_share: number; reference_share: number }[]
  trace_ids?: string[]
  shifts_in_deviations?: { name: string; reference: number; window: number }[]
}
type Channel = { channel: string; rows: number; adjusted_p: number | null; explanation: Explanation | null }

export function Moved({ detail }: { detail: { [key: string]: unknown } }) {
  const channels = Array.isArray(detail['channels']) ? (detail['channels'] as Channel[]) : []
  if (channels.length === 0) return null
  return (
    <Section title={t`What moved`}>
      <DataTable
        caption={t`What was compared with the reference`}
        rows={channels}
        rowKey={(channel) => channel.channel}
        columns={[
          { head: t`Compared`, cell: (channel) => channel.channel },
          { head: t`Adjusted p`, cell: (channel) => (channel.adjusted_p == null ? t`too few` : measure(channel.adjusted_p)), numeric: true },
          { head: t`What is new`, cell: (channel) => <WhatIsNew explanation={channel.explanation} />, wide: true },
          { head: t`Examples`, cell: (channel) => <Examples ids={channel.explanation?.trace_ids ?? []} channel={channel.channel} /> },
        ]}
      />
    </Section>
  )
}

function WhatIsNew({ explanation }: { explanation: Explanation | null }) {
  const terms = (explanation?.terms ?? []).slice(0, 6).map(({ term, window_share, reference_share }) => t`${term} (${percent(window_share, 0)}, was ${percent(reference_share, 0)})`)
  const shifts = (explanation?.shifts_in_deviations ?? []).map(({ name, reference, window }) => t`${name} ${measure(window)}, was ${measure(reference)}`)
  const said = [...terms, ...shifts]
  return said.length === 0 ? <span className="dim">{t`nothing stands out`}</span> : <span className="untrusted">{said.join(' · ')}</span>
}

function Examples({ ids, channel }: { ids: string[]; channel: string }) {
  if (ids.length === 0) return <span className="dim">{t`none`}</span>
  return (
    <span className="row">
      {ids.map((traceId, index) => <Link key={traceId} to="/traces/$traceId" params={{ traceId }}>{index + 1}<span className="hidden-visually">. {t`example of ${channel}`}</span></Link>)}
    </span>
  )
}
