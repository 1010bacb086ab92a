/* What was done, by whom and to what; and the proof that the log is whole, in words. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, TextInput } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { problemOf } from '../api/problem'
import type { AuditEntry } from '../api/types'
import { sh } from '../format/shell'
import { exact } from '../format/times'
import { CommandLine, Id } from '../ui/CommandLine'
import { DataTable } from '../ui/DataTable'
import { FilterText } from '../ui/Filter'
import { More } from '../ui/More'
import { Page, Panel, Section } from '../ui/Page'
import { Empty, ProblemState } from '../ui/states'
import { Status } from '../ui/Status'
import { Value } from '../ui/text'
import { auditQuery, useVerifyAudit, type AuditFilter } from './queries'

export function Audit() {
  const filter = useSearch({ from: '/frame/audit' })
  const navigate = useNavigate()
  const entries = useInfiniteQuery(auditQuery(filter))
  const set = (part: AuditFilter): void => void navigate({ to: '/audit', search: { ...filter, ...part } })
  const filtered = Object.values(filter).some((value) => value !== undefined)
  const command = ['treadle audit list', filter.actor && sh`--actor ${filter.actor}`, filter.action && sh`--action ${filter.action}`, filter.object && sh`--object ${filter.object}`].filter(Boolean).join(' ')
  return (
    <Page title={t`Audit`} lead={t`Everything that changed something, by whom. Each entry carries the hash of the one before, so nothing can be taken out or rewritten unnoticed.`} command={command} python="client.audit.list_()">
      <Verify />
      <Section title={t`What was done`}>
        <div className="row" style={{ alignItems: 'flex-end' }} role="search" aria-label={t`Filter the audit log`}>
          <FilterText label={t`Action`} placeholder={t`releases, or releases.approve`} value={filter.action ?? ''} onApply={(action) => set({ action: action || undefined })} />
          <FilterText label={t`Who, by id`} placeholder="act_…" value={filter.actor ?? ''} onApply={(actor) => set({ actor: actor || undefined })} />
          <FilterText label={t`To what, by id`} placeholder="rel_…" value={filter.object ?? ''} onApply={(object) => set({ object: object || undefined })} />
          {filtered && <Link to="/audit" search={{}}>{t`Clear`}</Link>}
        </div>
        <More query={entries} counted={(num) => plural(num, { one: '# entry', other: '# entries' })} empty={filtered ? <Empty title={t`No entry matches`}><Link to="/audit" search={{}}>{t`Show all entries`}</Link></Empty> : <Empty title={t`Nothing was done yet`}>{t`What people and programs change from now on stands here.`}</Empty>}>
          {(rows) => (
            <DataTable
              caption={t`Audit log`}
              rows={rows}
              rowKey={(entry) => String(entry.sequence)}
              columns={[
                { head: '#', cell: (entry) => entry.sequence, numeric: true },
                { head: t`When`, cell: (entry) => <time dateTime={entry.at} className="nowrap">{exact(entry.at)}</time> },
                { head: t`Who`, cell: (entry) => <Link to="/audit" search={{ ...filter, actor: entry.actor_id }} ><bdi>{entry.actor_name}</bdi></Link> },
                { head: t`Did`, cell: (entry) => <Link to="/audit" search={{ ...filter, action: entry.action }}><code>{entry.action}</code></Link> },
                { head: t`To`, cell: (entry) => <Id value={entry.object_id} /> },
                { head: t`With`, cell: (entry) => <Detail entry={entry} />, wide: true },
              ]}
            />
          )}
        </More>
      </Section>
    </Page>
  )
}

function Detail({ entry }: { entry: AuditEntry }) {
  const facts = Object.entries(entry.detail as Record<string, unknown>).filter(([, value]) => value != null)
  if (facts.length === 0) return <span className="dim">{t`nothing more`}</span>
  return <>{facts.map(([name, value]) => <div key={name} style={{ overflowWrap: 'anywhere' }}><span className="dim">{name.replaceAll('_', ' ')}:</span> <Value value={value} /></div>)}</>
}

/** Reads every entry, so it is done when asked for. */
function Verify() {
  const [head, setHead] = useState('')
  const verify = useVerifyAudit()
  const report = verify.data
  return (
    <Section title={t`Is the log whole?`}>
      <Panel>
        <form
          className="stack-tight"
          onSubmit={(event) => {
            event.preventDefault()
            verify.mutate(head.trim() || null)
          }}
        >
          <div className="row" style={{ alignItems: 'flex-end' }}>
            <TextInput label={t`Newest hash of an earlier check`} description={t`Proves that the end was not cut off; may be left empty`} size="xs" w={420} maw="100%" maxLength={64} value={head} onChange={(event) => setHead(event.currentTarget.value)} />
            <Button type="submit" size="xs" variant="default" loading={verify.isPending}>{t`Check the whole log`}</Button>
          </div>
          <div role="status" className="stack-tight">
            {report && (
              <>
                <p>
                  {report.is_intact ? <Status state="ok" word={t`Whole`} /> : <Status state="failed" word={t`Not whole`} />}{' '}
                  {report.is_intact
                    ? head.trim() === ''
                      ? plural(report.entries, { one: '# entry is as written, and none is missing in between.', other: '# entries are as written, and none is missing in between.' })
                      : plural(report.entries, { one: '# entry is as written, and none is missing in between or at the end.', other: '# entries are as written, and none is missing in between or at the end.' })
                    : report.first_fault}
                </p>
                {report.entries > 0 && <p><Trans>Newest hash: <Id value={report.head} /> <span className="dim">Keep it elsewhere: a later check with it proves that the end was not cut off.</span></Trans></p>}
              </>
            )}
          </div>
          {verify.error && <ProblemState problem={problemOf(verify.error)} />}
          <CommandLine command={head.trim() === '' ? 'treadle audit verify' : sh`treadle audit verify --expect ${head.trim()}`} label={t`The same check`} />
        </form>
      </Panel>
    </Section>
  )
}
