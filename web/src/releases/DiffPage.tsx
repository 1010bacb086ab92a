/* How two releases differ: field by field, and the prompt line by line. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { sh } from '../format/shell'
import { DataTable } from '../ui/DataTable'
import { Page, Section } from '../ui/Page'
import { Answer, Empty } from '../ui/states'
import { Value } from '../ui/text'
import styles from './DiffPage.module.css'
import { diffQuery, useReleaseName } from './queries'

export function DiffPage() {
  const { releaseId: after, otherId: before } = useParams({ from: '/frame/releases/$releaseId/against/$otherId' })
  const diff = useQuery(diffQuery(before, after))
  const one = useReleaseName(before) ?? before
  const two = useReleaseName(after) ?? after
  return (
    <Page
      title={t`${two} against ${one}`}
      crumbs={[{ label: t`Releases`, to: '/releases' }, { label: two, to: `/releases/${after}` }]}
      lead={<Trans>What is different in {two}. <Link to="/releases/$releaseId/against/$otherId" params={{ releaseId: before, otherId: after }}>The other way round</Link></Trans>}
      command={sh`treadle release diff ${before} ${after}`}
      python={`client.releases.diff(${JSON.stringify(before)}, ${JSON.stringify(after)})`}
    >
      <Answer query={diff} what={t`the differences`}>
        {(data) =>
          data.changes.length === 0 && data.prompt === '' ? (
            <Empty title={t`They are made of the same parts`} />
          ) : (
            <>
              <Section title={t`Fields`}>
                <DataTable
                  caption={t`Fields that differ`}
                  rows={data.changes}
                  rowKey={(change) => change.path}
                  none={t`No field differs`}
                  columns={[
                    { head: t`Field`, cell: (change) => <code>{change.path}</code> },
                    { head: one, cell: (change) => <Value value={change.before} />, wide: true },
                    { head: two, cell: (change) => <Value value={change.after} />, wide: true },
                  ]}
                />
              </Section>
              {data.prompt !== '' && <Section title={t`Prompt`}><Lines diff={data.prompt} /></Section>}
            </>
          )
        }
      </Answer>
    </Page>
  )
}

const MEANS: Record<string, string> = { '+': t`added`, '-': t`taken out`, ' ': '' }

/** A unified diff. What was added and taken out is said, not only coloured. */
function Lines({ diff }: { diff: string }) {
  const lines = diff.split('\n').filter((line) => line !== '' && !line.startsWith('---') && !line.startsWith('+++'))
  return (
    <div className={styles.diff} role="region" aria-label={t`The prompt line by line`} tabIndex={0}>
      {lines.map((line, index) => {
        const sign = line.charAt(0)
        if (sign === '@') return <div key={index} className={styles.place} aria-hidden="true">…</div>
        return (
          <div key={index} className={styles.line} data-sign={sign}>
            <span className={styles.sign} aria-hidden="true">{sign}</span>
            <span>{MEANS[sign] && <span className="hidden-visually">{MEANS[sign]}: </span>}<span className="untrusted" dir="auto">{line.slice(1)}</span></span>
          </div>
        )
      })}
    </div>
  )
}
