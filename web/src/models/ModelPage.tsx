/* One model: its versions, newest first, and where its aliases point. */
import { t } from '@lingui/core/macro'
import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import type { ModelVersion } from '../api/types'
import { bytes, count } from '../format/numbers'
import { sh } from '../format/shell'
import { DataTable } from '../ui/DataTable'
import { Facts } from '../ui/Facts'
import { Page, Section } from '../ui/Page'
import { Pointers } from '../ui/Pointers'
import { Answer } from '../ui/states'
import { When } from '../ui/When'
import { MoveAlias } from './MoveAlias'
import { modelQuery, modelVersionsQuery } from './queries'

export function ModelPage() {
  const { name } = useParams({ from: '/frame/models/$name' })
  const model = useQuery(modelQuery(name))
  const versions = useQuery(modelVersionsQuery(name))
  return (
    <Page title={name} crumbs={[{ label: t`Models`, to: '/models' }]} command={sh`treadle model versions ${name}`} python={`client.models.list_versions(${JSON.stringify(name)})`} actions={model.data && <MoveAlias key={model.data.latest_version} name={name} aliases={model.data.aliases} newest={model.data.latest_version} />}>
      <Answer query={model} what={t`the model`}>
        {(data) => (
          <>
            <Facts facts={[[t`Newest version`, `v${data.latest_version}`], [t`Aliases`, <Pointers key="aliases" pointers={data.aliases} />], [t`Made`, <When key="made" at={data.created_at} />]]} />
            <Section title={t`Versions`}>
              <Answer query={versions} what={t`versions`}>
                {(rows) => (
                  <DataTable
                    caption={t`Versions of ${name}`}
                    rows={rows}
                    rowKey={(version) => version.model_version_id}
                    columns={[
                      { head: t`Version`, cell: ({ version }) => <Link to="/models/$name/versions/$version" params={{ name, version: String(version) }}>{`v${version}`}</Link> },
                      { head: t`Aliases`, cell: (version) => <Pointers pointers={data.aliases} version={version.version} /> },
                      { head: t`Kind`, cell: kindInWords, wide: true },
                      { head: t`Parameters`, cell: (version) => (version.parameters_count == null ? <span className="dim">{t`unknown`}</span> : count(version.parameters_count)), numeric: true },
                      { head: t`Size`, cell: (version) => bytes(sizeOf(version)), numeric: true },
                      { head: t`Licence`, cell: (version) => version.licence ?? <span className="dim">{t`none stated`}</span> },
                      { head: t`Made`, cell: (version) => <When at={version.created_at} /> },
                    ]}
                  />
                )}
              </Answer>
            </Section>
          </>
        )}
      </Answer>
    </Page>
  )
}

export function kindInWords(version: ModelVersion): string {
  if (version.kind === 'provider') return version.provider ? t`${version.provider.model} at ${version.provider.provider}` : t`a provider’s model`
  return version.kind === 'adapter' ? t`an adapter` : t`weights`
}

export function sizeOf(version: ModelVersion): number {
  return (version.files ?? []).reduce((sum, file) => sum + file.size_bytes, 0)
}
