/* One version of a dataset: what it is like, its examples, what was dropped or changed and why, where it came from. */
import { t } from '@lingui/core/macro'
import { Tabs } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { api, body } from '../api/client'
import type { Body } from '../api/types'
import { bytes, count } from '../format/numbers'
import { sh } from '../format/shell'
import { Lineage } from '../lineage/Lineage'
import { TrainForm } from '../training/TrainForm'
import { Id } from '../ui/CommandLine'
import { DataTable } from '../ui/DataTable'
import { Facts } from '../ui/Facts'
import { Page, Section } from '../ui/Page'
import { Answer } from '../ui/states'
import { Json, Untrusted } from '../ui/text'
import { When } from '../ui/When'
import { Changes } from './Changes'
import { Difference } from './Difference'
import { Duplicates } from './Duplicates'
import { Examples } from './Examples'
import { MapView } from './MapView'
import { ProfileView } from './ProfileView'
import { profileQuery, versionQuery } from './queries'
import { StartWork } from './StartWork'
import { madeBy, partsInWords } from './words'

const TABS = ['examples', 'profile', 'duplicates', 'map', 'difference', 'changes', 'origin'] as const

export function VersionPage() {
  const { name, version } = useParams({ from: '/frame/datasets/$name/versions/$version' })
  const { tab = 'examples' } = useSearch({ from: '/frame/datasets/$name/versions/$version' })
  const navigate = useNavigate()
  const shown = useQuery(versionQuery(name, version))
  return (
    <Page
      title={`${name} v${version}`}
      crumbs={[{ label: t`Datasets`, to: '/datasets' }, { label: name, to: `/datasets/${encodeURIComponent(name)}` }]}
      actions={shown.data && <TrainForm key={shown.data.version_id} rows={shown.data} />}
      command={sh`treadle data show ${name} --version ${version}`}
      python={`for example in client.datasets.iter_examples(${JSON.stringify(name)}, ${version}):\n    print(example.input, example.expected_output)`}
    >
      <Answer query={shown} what={t`the version`}>
        {(data) => (
          <>
            <Facts
              facts={[
                [t`Rows`, count(data.num_rows)],
                [t`Parts`, partsInWords(data.parts)],
                [t`Labels`, data.num_labels ? count(data.num_labels) : null],
                [t`Made by`, data.run_id ? <Link key="by" to="/runs/$runId" params={{ runId: data.run_id }}>{madeBy(data.recipe)}</Link> : madeBy(data.recipe)],
                [t`When`, <When key="when" at={data.created_at} />],
                [t`Why`, typeof data.recipe['message'] === 'string' ? <Untrusted key="why" text={data.recipe['message']} fold={160} /> : null],
                [t`Licence`, data.licence ?? t`none stated`],
                [t`Digest`, <Id key="digest" value={data.digest} />],
              ]}
            />
            <Tabs
              value={(TABS as readonly string[]).includes(tab) ? tab : 'examples'}
              onChange={(value) => void navigate({ to: '/datasets/$name/versions/$version', params: { name, version }, search: { tab: value ?? undefined } })}
              keepMounted={false}
            >
              <Tabs.List>
                <Tabs.Tab value="examples">{t`Examples`}</Tabs.Tab>
                <Tabs.Tab value="profile">{t`Profile`}</Tabs.Tab>
                <Tabs.Tab value="duplicates">{t`Duplicates`}</Tabs.Tab>
                <Tabs.Tab value="map">{t`Map`}</Tabs.Tab>
                <Tabs.Tab value="difference">{t`Differences`}</Tabs.Tab>
                <Tabs.Tab value="changes">{t`Dropped and changed`}</Tabs.Tab>
                <Tabs.Tab value="origin">{t`Origin and files`}</Tabs.Tab>
              </Tabs.List>
              <Tabs.Panel value="examples" pt="md"><Examples of={data} /></Tabs.Panel>
              <Tabs.Panel value="profile" pt="md"><Profiled name={name} version={version} explored={data.has_profile} /></Tabs.Panel>
              <Tabs.Panel value="duplicates" pt="md"><Duplicates of={data} /></Tabs.Panel>
              <Tabs.Panel value="map" pt="md"><MapView of={data} /></Tabs.Panel>
              <Tabs.Panel value="difference" pt="md"><Difference of={data} /></Tabs.Panel>
              <Tabs.Panel value="changes" pt="md">{data.files.some((file) => file.name === 'changes.parquet') ? <Changes name={name} version={version} /> : <NothingDropped name={name} version={version} />}</Tabs.Panel>
              <Tabs.Panel value="origin" pt="md">
                <div className="stack">
                  <Lineage nodeId={data.version_id} />
                  <div className="columns">
                    <Section title={t`Recipe`}><Json value={data.recipe} label={t`recipe`} /></Section>
                    <Section title={t`Files`}>
                      <DataTable
                        caption={t`Files of this version`}
                        rows={data.files}
                        rowKey={(file) => file.name}
                        columns={[
                          { head: t`File`, cell: (file) => file.name },
                          { head: t`Size`, cell: (file) => bytes(file.size_bytes), numeric: true },
                          { head: t`Digest`, cell: (file) => <Id value={file.digest} /> },
                        ]}
                      />
                    </Section>
                  </div>
                </div>
              </Tabs.Panel>
            </Tabs>
          </>
        )}
      </Answer>
    </Page>
  )
}

function Profiled({ name, version, explored }: { name: string; version: string; explored: boolean }) {
  const profile = useQuery({ ...profileQuery(name, version), enabled: explored })
  if (!explored) {
    return (
      <StartWork
        title={t`Not explored yet`}
        words={t`Exploring counts lengths, labels, duplicates, languages and personal data over all rows.`}
        command={sh`treadle data profile ${name} --version ${version}`}
        button={t`Explore it`}
        start={() => body(api.POST('/api/v1/datasets/{name}/versions/{version}/profile', { params: { path: { name, version } } }))}
      />
    )
  }
  return (
    <div className="stack-tight">
      <p>
        <a href={`/api/v1/datasets/${encodeURIComponent(name)}/versions/${version}/profile.html`} target="_blank" rel="noopener">{t`Open as a page to send around`}</a>
      </p>
      <Answer query={profile} what={t`the profile`}>{(data) => <ProfileView profile={data} name={name} version={version} />}</Answer>
    </div>
  )
}

// What is left out stands at the server's own values.
const USUAL = {} as Body<'/api/v1/datasets/{name}/versions/{version}/prepare', 'post'>

/** A version that was read from a file as it was: preparing one is what drops rows, and says why. */
function NothingDropped({ name, version }: { name: string; version: string }) {
  return (
    <StartWork
      title={t`Every row came through as it was`}
      words={t`Preparing repairs broken text, masks personal data, drops repeats and rows that contradict each other, and splits the rest into parts. The result is the next version; every row that was dropped or changed says why.`}
      command={sh`treadle data prepare ${name} --version ${version}`}
      button={t`Prepare it`}
      start={() => body(api.POST('/api/v1/datasets/{name}/versions/{version}/prepare', { params: { path: { name, version } }, body: USUAL }))}
    />
  )
}
