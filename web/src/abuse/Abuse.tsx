/* Callers that stood out: the score, what it is made of, what was done, and the policy that says what is done. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, NativeSelect } from '@mantine/core'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import type { Finding } from '../api/types'
import { sh } from '../format/shell'
import { keysQuery, useMay } from '../governance/queries'
import { ALERTS_TABS } from '../monitoring/tabs'
import { Confirm } from '../ui/Confirm'
import { DataTable } from '../ui/DataTable'
import { Facts } from '../ui/Facts'
import { FilterText } from '../ui/Filter'
import { More } from '../ui/More'
import { Page, Section } from '../ui/Page'
import { Answer, Empty } from '../ui/states'
import { Status } from '../ui/Status'
import { When } from '../ui/When'
import { PolicyForm } from './PolicyForm'
import { findingsQuery, FINDING_STATES, policyQuery, useDismiss } from './queries'

const DONE = { flag: { state: 'held', word: t`Listed` }, throttle: { state: 'paused', word: t`Slowed down` }, block: { state: 'failed', word: t`Blocked` } } as const
const STANDS = { open: { state: 'firing', word: t`Open` }, dismissed: { state: 'off', word: t`Dismissed` }, over: { state: 'resolved', word: t`Over` } } as const

export function Abuse() {
  const filter = useSearch({ from: '/frame/abuse' })
  const navigate = useNavigate()
  const findings = useInfiniteQuery(findingsQuery(filter))
  const policy = useQuery(policyQuery)
  const may = useMay('limits.write')
  const maySeeKeys = useMay('access.read')
  const keys = useQuery({ ...keysQuery, enabled: maySeeKeys })
  const names = new Map(keys.data?.map((key) => [key.key_id, key.name]))
  const set = (part: typeof filter): void => void navigate({ to: '/abuse', search: { ...filter, ...part } })
  const filtered = filter.status !== undefined || filter.caller !== undefined
  const command = ['treadle abuse list', filter.status && sh`--status ${filter.status}`, filter.caller && sh`--caller ${filter.caller}`].filter(Boolean).join(' ')
  return (
    <Page title={t`Abuse`} lead={t`Keys and end users whose traffic stands out, with the reasons in figures. A person may always say that it is none.`} command={command} python="client.abuse.list_()" tabs={ALERTS_TABS}>
      <Section title={t`What is done`} beside={may && policy.data && <PolicyForm now={policy.data} />}>
        <Answer query={policy} what={t`the policy`}>
          {(data) =>
            data.is_on === false ? (
              <p><Status state="off" word={t`Off`} /> {t`Nobody is looked at.`}</p>
            ) : (
              <Facts
                facts={[
                  [t`Listed from`, t`a score of ${data.flag_at} of 100`],
                  [t`Slowed down from`, data.throttle_at == null ? t`never` : t`${data.throttle_at}, to ${data.throttle_requests_per_minute} requests a minute`],
                  [t`Blocked from`, data.block_at == null ? t`never` : String(data.block_at)],
                  [t`It ends after`, t`${data.hours} hours, by itself`],
                  [t`Nothing is done about`, (data.exempt ?? []).length > 0 ? (data.exempt ?? []).map((id) => names.get(id) ?? id).join(', ') : t`nobody is left out`],
                ]}
              />
            )
          }
        </Answer>
      </Section>
      <Section title={t`Who stood out`}>
        <div className="row" style={{ alignItems: 'flex-end' }} role="search" aria-label={t`Filter findings`}>
          <NativeSelect label={t`State`} size="xs" value={filter.status ?? ''} onChange={(event) => set({ status: FINDING_STATES.find((known) => known === event.currentTarget.value) })} data={[{ value: '', label: t`Any` }, { value: 'open', label: t`Open` }, { value: 'dismissed', label: t`Dismissed` }, { value: 'over', label: t`Over` }]} />
          <FilterText label={t`Caller, by id`} value={filter.caller ?? ''} onApply={(caller) => set({ caller: caller || undefined })} />
          {filtered && <Link to="/abuse" search={{}}>{t`Clear`}</Link>}
        </div>
        <More query={findings} counted={(num) => plural(num, { one: '# finding', other: '# findings' })} empty={filtered ? <Empty title={t`No finding matches`}><Link to="/abuse" search={{}}>{t`Show all findings`}</Link></Empty> : <Empty title={t`Nobody stood out`} command="treadle abuse policy">{t`Every hour each caller gets a score: attacks that guards caught, refusals in a row, floods of tokens, sudden cost, requests like a script’s.`}</Empty>}>
          {(rows) => (
            <DataTable
              caption={t`Findings`}
              rows={rows}
              rowKey={(finding) => finding.finding_id}
              columns={[
                { head: t`State`, cell: (finding) => <Status {...STANDS[finding.status]} /> },
                { head: t`Caller`, cell: (finding) => (finding.caller_kind === 'user' ? <Trans>end user <Link to="/users/$name" params={{ name: finding.caller }} className="untrusted">{finding.caller}</Link></Trans> : <Trans>key <Link to="/traces" search={{ q: `key:${finding.caller}` }}>{names.get(finding.caller) ?? finding.caller}</Link></Trans>) },
                { head: t`Score`, cell: (finding) => t`${finding.score} of 100`, numeric: true },
                { head: t`Why`, cell: (finding) => <ul style={{ margin: 0, paddingInlineStart: '1.1rem' }}>{finding.reasons.map((reason) => <li key={reason.name}><span className="untrusted">{reason.words}</span> <span className="dim">{t`(${reason.points} points)`}</span></li>)}</ul>, wide: true },
                { head: t`What was done`, cell: (finding) => <Status {...DONE[finding.action]} /> },
                { head: t`Shown by`, cell: (finding) => finding.trace_ids.map((id, index) => <span key={id}>{index > 0 && ', '}<Link to="/traces/$traceId" params={{ traceId: id }}>{id.slice(0, 8)}</Link></span>) },
                { head: t`Seen`, cell: (finding) => <When at={finding.last_seen_at} /> },
                { head: t`Ends`, cell: (finding) => (finding.status === 'open' ? <When at={finding.ends_at} /> : <span className="dim">{t`ended`}</span>) },
                ...(may ? [{ head: t`Dismiss`, cell: (finding: Finding) => finding.status === 'open' && <Dismiss finding={finding} /> }] : []),
              ]}
            />
          )}
        </More>
      </Section>
    </Page>
  )
}

function Dismiss({ finding }: { finding: Finding }) {
  const dismiss = useDismiss(finding.finding_id)
  return (
    <Confirm title={t`Is this none?`} words={t`What was done about the caller is undone at once.`} command={sh`treadle abuse dismiss ${finding.finding_id}`} confirm={t`It is none`} run={() => dismiss.mutateAsync()}>
      {(open) => <Button size="compact-xs" variant="default" onClick={open}><Trans>Dismiss<span className="hidden-visually"> the finding on {finding.caller}</span></Trans></Button>}
    </Confirm>
  )
}
