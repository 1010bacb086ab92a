/* One version of a model: what it is, what was measured, its card, the curves of the run that made it, its files and lineage. */
import { t } from '@lingui/core/macro'
import { Skeleton, Tabs } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { lazy, Suspense } from 'react'
import type { Card, ModelVersion } from '../api/types'
import { bytes, count, measure } from '../format/numbers'
import { sh } from '../format/shell'
import { Curves } from '../jobs/Curves'
import { Lineage } from '../lineage/Lineage'
import { TrainForm } from '../training/TrainForm'
import { Id } from '../ui/CommandLine'
import { DataTable } from '../ui/DataTable'
import { Facts } from '../ui/Facts'
import { Page, Panel, Section } from '../ui/Page'
import { Pointers } from '../ui/Pointers'
import { Answer, Empty } from '../ui/states'
import { Json } from '../ui/text'
import { When } from '../ui/When'
import { kindInWords, sizeOf } from './ModelPage'
import { ModelLink } from './ModelLink'
import { MoveAlias } from './MoveAlias'
import { cardQuery, modelQuery, modelVersionQuery } from './queries'
import { Served } from './Served'

const Markdown = lazy(() => import('../ui/Markdown'))
const HERE = '/models/$name/versions/$version'
const TABS = ['card', 'served', 'training', 'lineage', 'files'] as const

export function ModelVersionPage() {
  const { name, version } = useParams({ from: `/frame${HERE}` })
  const { tab = 'card' } = useSearch({ from: `/frame${HERE}` })
  const navigate = useNavigate()
  const shown = useQuery(modelVersionQuery(name, version))
  const model = useQuery(modelQuery(name))
  const card = useQuery(cardQuery(name, version))
  return (
    <Page
      title={`${name} v${shown.data?.version ?? version}`}
      crumbs={[{ label: t`Models`, to: '/models' }, { label: name, to: `/models/${encodeURIComponent(name)}` }]}
      command={sh`treadle model card ${name} --version ${version}`}
      python={`print(client.models.get_card(${JSON.stringify(name)}, ${JSON.stringify(version)}).markdown)`}
      actions={<>
          {shown.data?.kind === 'weights' && <TrainForm key={shown.data.model_version_id} base={shown.data} />}
          {shown.data && model.data && <MoveAlias key={`${shown.data.model_version_id} ${model.data.latest_version}`} name={name} aliases={model.data.aliases} newest={model.data.latest_version} version={shown.data.version} />}
        </>}
    >
      <Answer query={shown} what={t`the version`}>
        {(data) => (
          <>
            <Facts
              facts={[
                [t`Kind`, kindInWords(data)],
                [t`Aliases`, model.data && <Pointers key="aliases" pointers={model.data.aliases} version={data.version} />],
                [t`Parameters`, data.parameters_count == null ? null : count(data.parameters_count)],
                [t`Context`, data.context_length == null ? null : t`${count(data.context_length)} tokens`],
                [t`Size of its files`, data.kind === 'provider' ? null : bytes(sizeOf(data))],
                [t`Licence`, data.licence ?? t`none stated`],
                [t`Tuned from`, data.base_version_id && <ModelLink key="base" modelVersionId={data.base_version_id} />],
                [t`Made`, <When key="made" at={data.created_at} />],
                [t`By run`, data.run_id && <Link key="run" to="/runs/$runId" params={{ runId: data.run_id }}>{t`its run`}</Link>],
              ]}
            />
            <Tabs
              value={(TABS as readonly string[]).includes(tab) ? tab : 'card'}
              onChange={(value) => void navigate({ to: HERE, params: { name, version }, search: { tab: value ?? undefined } })}
              keepMounted={false}
            >
              <Tabs.List>
                <Tabs.Tab value="card">{t`Card`}</Tabs.Tab>
                <Tabs.Tab value="served">{t`Size and speed`}</Tabs.Tab>
                <Tabs.Tab value="training">{t`Training`}</Tabs.Tab>
                <Tabs.Tab value="lineage">{t`Lineage`}</Tabs.Tab>
                <Tabs.Tab value="files">{t`Files`}</Tabs.Tab>
              </Tabs.List>
              <Tabs.Panel value="card" pt="md"><Answer query={card} what={t`the card`}>{(facts) => <CardView card={facts} />}</Answer></Tabs.Panel>
              <Tabs.Panel value="served" pt="md"><Served version={data} /></Tabs.Panel>
              <Tabs.Panel value="training" pt="md"><Training version={data} /></Tabs.Panel>
              <Tabs.Panel value="lineage" pt="md"><Lineage nodeId={data.model_version_id} /></Tabs.Panel>
              <Tabs.Panel value="files" pt="md"><Files version={data} /></Tabs.Panel>
            </Tabs>
          </>
        )}
      </Answer>
    </Page>
  )
}

function CardView({ card }: { card: Card }) {
  return (
    <div className="stack">
      <Section title={t`Measured`}>
        {card.measurements.length === 0 ? (
          <Empty title={t`Nothing measured yet`}>{t`An experiment over held-out rows measures a version.`}</Empty>
        ) : (
          <DataTable
            caption={t`What was measured`}
            rows={card.measurements}
            rowKey={(one, index) => `${one.name} ${one.source_id} ${index}`}
            columns={[
              { head: t`Metric`, cell: (one) => one.name.replaceAll('_', ' ') },
              { head: t`Value`, cell: (one) => measure(one.value), numeric: true },
              { head: t`95 % interval`, cell: (one) => (one.low == null || one.high == null ? <span className="dim">{t`none computed`}</span> : t`${measure(one.low)} to ${measure(one.high)}`), numeric: true },
              { head: t`Rows`, cell: (one) => count(one.rows_count), numeric: true },
              { head: t`Part`, cell: (one) => one.part },
              { head: t`By`, cell: (one) => (one.source_id.startsWith('har_') ? <Link to="/harness-runs/$harnessRunId" params={{ harnessRunId: one.source_id }}>{t`a harness`}</Link> : one.source_id.startsWith('exp_') ? <Link to="/experiments/$experimentId" params={{ experimentId: one.source_id }}>{t`an experiment`}</Link> : <Link to="/runs/$runId" params={{ runId: one.source_id }}>{t`a run`}</Link>) },
              { head: t`When`, cell: (one) => <When at={one.measured_at} /> },
            ]}
          />
        )}
        {card.not_measured.length > 0 && <p className="dim">{t`Nobody has measured: ${card.not_measured.join('; ')}.`}</p>}
      </Section>
      <Panel>
        <Suspense fallback={<Skeleton height={240} />}><Markdown text={card.markdown} /></Suspense>
      </Panel>
    </div>
  )
}

function Training({ version }: { version: ModelVersion }) {
  if (version.run_id == null) return <Empty title={t`Not trained here`}>{t`It was registered by hand, so there are no curves.`}</Empty>
  return (
    <div className="stack">
      <Curves runId={version.run_id} going={false} empty={<Empty title={t`Its run kept no curves`} />} />
      <Section title={t`What the run measured and was asked`}><Json value={version.facts ?? {}} label={t`facts`} /></Section>
    </div>
  )
}

function Files({ version }: { version: ModelVersion }) {
  const files = version.files ?? []
  if (files.length === 0) return <Empty title={t`No files`}>{t`A provider runs this model; we hold a pointer to it.`}</Empty>
  return (
    <DataTable
      caption={t`Files of this version`}
      rows={files}
      rowKey={(file) => file.path}
      columns={[
        { head: t`File`, cell: (file) => <a href={`/api/v1/models/${encodeURIComponent(version.model_name)}/versions/${version.version}/files/${file.path}`} download>{file.path}</a>, wide: true },
        { head: t`Size`, cell: (file) => bytes(file.size_bytes), numeric: true },
        { head: t`Digest`, cell: (file) => <Id value={file.digest} /> },
      ]}
    />
  )
}
