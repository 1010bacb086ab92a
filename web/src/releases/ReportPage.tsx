/* One report, as it is at this moment: first what nobody has measured, then each part with its tables. */
import { plural, t } from '@lingui/core/macro'
import { Anchor } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { sh } from '../format/shell'
import { exact } from '../format/times'
import { DataTable } from '../ui/DataTable'
import { WarnIcon } from '../ui/icons'
import { Page, Panel, Section } from '../ui/Page'
import { Answer } from '../ui/states'
import { Status } from '../ui/Status'
import { reportQuery } from './queries'

export function ReportPage() {
  const { releaseId } = useParams({ from: '/frame/reports/$releaseId' })
  const report = useQuery(reportQuery(releaseId))
  const missing = report.data?.not_measured.length ?? 0
  return (
    <Page
      title={report.data ? t`Report on ${report.data.title}` : t`Report`}
      crumbs={[{ label: t`Reports`, to: '/reports' }]}
      beside={report.data && (missing === 0 ? <Status state="ok" word={t`Everything measured`} /> : <Status state="held" word={t`${plural(missing, { one: '# thing', other: '# things' })} not measured`} />)}
      actions={<div className="row"><Link to="/releases/$releaseId" params={{ releaseId }}>{t`The release`}</Link><Anchor href={`/api/v1/releases/${encodeURIComponent(releaseId)}/report.html`} target="_blank" rel="noopener">{t`As one page to keep or print`}</Anchor></div>}
      command={sh`treadle release report ${releaseId}`}
      python={`client.releases.get_report(${JSON.stringify(releaseId)})`}
    >
      <Answer query={report} what={t`the report`}>
        {(data) => (
          <>
            <p className="dim">{t`Made ${exact(data.made_at)}. A later one may say more.`}</p>
            {data.not_measured.length > 0 && (
              <Section title={t`What nobody has measured`}>
                <Panel><ul style={{ margin: 0 }}>{data.not_measured.map((gap) => <li key={gap}>{gap}</li>)}</ul></Panel>
              </Section>
            )}
            {data.sections.map((part) => (
              <Section key={part.title} title={part.title}>
                {part.lines.map((line, index) => <p key={index} className="untrusted">{line}</p>)}
                {part.not_measured.map((gap) => <p key={gap}><WarnIcon size={13} /> {t`Not measured: ${gap}`}</p>)}
                {part.tables.map((table, index) => (
                  <DataTable
                    key={index}
                    caption={part.tables.length > 1 ? t`${part.title}, table ${index + 1}` : t`${part.title}, as a table`}
                    rows={table.rows}
                    rowKey={(_, row) => String(row)}
                    columns={table.headers.map((head, column) => ({ head: head || t`column ${column + 1}`, cell: (row: string[]) => <span className="untrusted">{row[column]}</span>, wide: column === table.headers.length - 1 }))}
                  />
                ))}
              </Section>
            ))}
          </>
        )}
      </Answer>
    </Page>
  )
}
