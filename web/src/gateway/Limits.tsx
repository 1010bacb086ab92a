/* Budgets and limits: each with how much of it is used now, by whom, and when it begins anew. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Progress } from '@mantine/core'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import type { Limit } from '../api/types'
import { count, percent } from '../format/numbers'
import { sh } from '../format/shell'
import { exact } from '../format/times'
import { useMay } from '../governance/queries'
import { CommandLine } from '../ui/CommandLine'
import { Confirm } from '../ui/Confirm'
import { DataTable } from '../ui/DataTable'
import { More } from '../ui/More'
import { Page, Section } from '../ui/Page'
import { Empty } from '../ui/states'
import { Status } from '../ui/Status'
import { LimitForm } from './LimitForm'
import { nearlyUsedQuery } from './standing'
import { limitsQuery, usageQuery, useRemoveLimit } from './queries'
import { GATEWAY_TABS } from './tabs'
import { amountOf, boundInWords, boundOf } from './words'

const NEARLY = 0.8

export function Limits() {
  const limits = useInfiniteQuery(limitsQuery)
  const may = useMay('limits.write')
  return (
    <Page title={t`Limits`} lead={t`Budgets and bounds on use. What is beyond one is refused with words that say which, and when it begins anew.`} actions={may && <LimitForm />} command="treadle limit list" python="client.limits.list_()" tabs={GATEWAY_TABS}>
      <Nearly />
      <More
        query={limits}
        counted={(num) => plural(num, { one: '# limit', other: '# limits' })}
        empty={<Empty title={t`Nothing is bounded`} command="treadle limit set 50 usd --per day --scope project">{t`A limit bounds requests, tokens, money or what is asked at once: of a key, an endpoint, an end user or the whole project.`}</Empty>}
      >
        {(rows) => (
          <DataTable
            caption={t`Limits`}
            rows={rows}
            rowKey={(limit) => limit.limit_id}
            columns={[
              { head: t`Of`, cell: (limit) => <span className="untrusted">{boundOf(limit)}</span> },
              { head: t`At most`, cell: boundInWords },
              { head: t`Used now`, cell: (limit) => <Used limit={limit} />, wide: true },
              { head: t`Without a price`, cell: (limit) => (limit.unit !== 'usd' ? <span className="dim">{t`does not matter`}</span> : limit.unpriced === 'refuse' ? t`refused` : t`served, uncounted`) },
              { head: t`Without the database`, cell: (limit) => (limit.outage === 'refuse' ? t`refused` : t`served by shares`) },
              ...(may ? [{ head: t`Change`, cell: (limit: Limit) => <div className="row"><LimitForm limit={limit} /><Remove limit={limit} /></div> }] : []),
            ]}
          />
        )}
      </More>
    </Page>
  )
}

/** Who is about to be refused, over all limits: of a limit that each one has for itself, the one who used it. */
function Nearly() {
  const { data } = useQuery(nearlyUsedQuery(NEARLY))
  const rows = data?.items.filter((limit) => limit.unit !== 'concurrency') ?? []
  if (rows.length === 0) return null
  return (
    <Section title={t`Nearly used up`} beside={<CommandLine command="treadle limit standing --at-least 80" />}>
      <DataTable
        caption={t`Limits of which 80 % or more is used`}
        rows={rows}
        rowKey={(limit) => `${limit.limit_id} ${limit.by}`}
        columns={[
          { head: t`Of`, cell: (limit) => <span className="untrusted">{boundOf(limit)}</span> },
          { head: t`Used by`, cell: (limit) => <span className="untrusted">{limit.scope === 'project' ? t`all of it` : limit.by_name ?? (limit.by || t`nobody named`)}</span> },
          { head: t`At most`, cell: boundInWords },
          { head: t`Used`, cell: (limit) => <>{amountOf(limit.unit, limit.used)} ({percent(limit.used_share, 0)})</>, numeric: true },
          { head: t`Anew`, cell: (limit) => limit.resets_at != null && exact(limit.resets_at) },
        ]}
      />
    </Section>
  )
}

/** Of whoever used it in this window, at most five; what all of them come to is not said, because each has the amount for itself. */
function Used({ limit }: { limit: Limit }) {
  const { data } = useQuery(usageQuery(limit.limit_id))
  if (!data) return null
  if (data.items.length === 0) return <span className="dim">{t`nothing in this window`}</span>
  return (
    <div className="stack-tight">
      {data.items.map((use) => {
        const share = use.amount > 0 ? use.used / use.amount : 1
        const whose = use.subject_name ?? (use.subject || t`nobody named`)
        return (
          <div key={use.subject} style={{ minWidth: '15rem' }}>
            <div className="spread">
              <span>{limit.scope === 'project' ? '' : <span className="untrusted">{whose}: </span>}{t`${amountOf(limit.unit, use.used)} of ${amountOf(limit.unit, use.amount)}`}{use.amount > 0 ? ` (${percent(share, 0)})` : ''}</span>
              {share >= 1 ? <Status state="failed" word={t`Used up`} /> : share >= NEARLY ? <Status state="held" word={t`Nearly used up`} /> : null}
            </div>
            <Progress value={Math.min(share, 1) * 100} color={share >= 1 ? 'red' : share >= NEARLY ? 'yellow' : undefined} size="sm" aria-label={limit.scope === 'project' ? t`Used of the limit on ${boundOf(limit)}` : t`Used of the limit on ${boundOf(limit)} by ${whose}`} transitionDuration={0} />
            <span className="dim">
              {[use.resets_at != null && t`anew ${exact(use.resets_at)}`, use.unpriced > 0 && t`${count(use.unpriced)} without a known price are not counted`].filter(Boolean).join('; ')}
            </span>
          </div>
        )
      })}
      {data.next_cursor != null && <span className="dim"><Trans>and others: <code>treadle limit usage {limit.limit_id}</code></Trans></span>}
    </div>
  )
}

function Remove({ limit }: { limit: Limit }) {
  const remove = useRemoveLimit(limit.limit_id)
  return (
    <Confirm title={t`Bound this no longer?`} words={t`${boundInWords(limit)} of ${boundOf(limit)}: what is beyond it is served from now on.`} command={sh`treadle limit remove ${limit.limit_id}`} confirm={t`Remove it`} danger run={() => remove.mutateAsync()}>
      {(open) => <Button size="compact-xs" variant="subtle" onClick={open}><Trans>Remove<span className="hidden-visually"> {boundInWords(limit)} of {boundOf(limit)}</span></Trans></Button>}
    </Confirm>
  )
}
