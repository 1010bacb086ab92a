/* One dataset: its versions, newest first, how each was made. */
import { plural, t } from '@lingui/core/macro'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { count } from '../format/numbers'
import { sh } from '../format/shell'
import { useMay } from '../governance/queries'
import { DataTable } from '../ui/DataTable'
import { Facts } from '../ui/Facts'
import { More } from '../ui/More'
import { Page, Section } from '../ui/Page'
import { Answer, Empty } from '../ui/states'
import { Untrusted } from '../ui/text'
import { When } from '../ui/When'
import { ImportFile } from './ImportFile'
import { datasetQuery, versionsQuery } from './queries'
import { madeBy, partsInWords } from './words'

export function DatasetPage() {
  const { name } = useParams({ from: '/frame/datasets/$name' })
  const dataset = useQuery(datasetQuery(name))
  const versions = useInfiniteQuery(versionsQuery(name))
  const may = useMay('data.write')
  return (
    <Page title={name} crumbs={[{ label: t`Datasets`, to: '/datasets' }]} lead={dataset.data?.description || undefined} actions={may && <ImportFile dataset={name} />} python={`client.datasets.list_versions(${JSON.stringify(name)})`} command={sh`treadle data versions ${name}`}>
      <Answer query={dataset} what={t`the dataset`}>
        {(data) => (
          <>
            <Facts
              facts={[
                [t`Newest version`, data.latest_version == null ? t`none yet` : <Link key="newest" to="/datasets/$name/versions/$version" params={{ name, version: String(data.latest_version) }}>{`v${data.latest_version}`}</Link>],
                [t`Rows in it`, data.num_rows == null ? null : count(data.num_rows)],
                [t`Versions`, count(data.num_versions)],
                [t`Made`, <When key="made" at={data.created_at} />],
              ]}
            />
            <Section title={t`Versions`}>
              <More query={versions} counted={(num) => plural(num, { one: '# version', other: '# versions' })} empty={<Empty title={t`No version yet`} command={sh`treadle data import FILE --name ${name}`} />}>
                {(rows) => (
                  <DataTable
                    caption={t`Versions of ${name}`}
                    rows={rows}
                    rowKey={(version) => version.version_id}
                    columns={[
                      { head: t`Version`, cell: ({ version }) => <Link to="/datasets/$name/versions/$version" params={{ name, version: String(version) }}>{`v${version}`}</Link> },
                      { head: t`Rows`, cell: (version) => count(version.num_rows), numeric: true },
                      { head: t`Parts`, cell: (version) => partsInWords(version.parts) },
                      { head: t`Labels`, cell: (version) => (version.num_labels ? count(version.num_labels) : t`none`), numeric: true },
                      { head: t`Made by`, cell: (version) => <>{version.run_id ? <Link to="/runs/$runId" params={{ runId: version.run_id }}>{madeBy(version.recipe)}</Link> : madeBy(version.recipe)}{typeof version.recipe['message'] === 'string' && <div className="dim"><Untrusted text={version.recipe['message']} fold={120} /></div>}</>, wide: true },
                      { head: t`Against the one before`, cell: ({ version }) => (version > 1 ? <Link to="/datasets/$name/versions/$version" params={{ name, version: String(version) }} search={{ tab: 'difference', against: String(version - 1) }}>{t`differences to v${version - 1}`}</Link> : '') },
                      { head: t`Explored`, cell: (version) => (version.has_profile ? t`yes` : t`no`) },
                      { head: t`When`, cell: (version) => <When at={version.created_at} /> },
                    ]}
                  />
                )}
              </More>
            </Section>
          </>
        )}
      </Answer>
    </Page>
  )
}
