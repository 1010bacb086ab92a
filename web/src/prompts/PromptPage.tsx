/* One prompt: its versions, where its labels point and what moving them takes, and one version in full or beside another. */
import { plural, t } from '@lingui/core/macro'
import { Button, NativeSelect, Tabs } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import type { Prompt, PromptVersion } from '../api/types'
import { sh } from '../format/shell'
import { useMay } from '../governance/queries'
import { Lineage } from '../lineage/Lineage'
import { Chat } from '../traces/Chat'
import { Id } from '../ui/CommandLine'
import { DataTable } from '../ui/DataTable'
import { SideBySide } from '../ui/Diff'
import { Facts } from '../ui/Facts'
import { Page, Section } from '../ui/Page'
import { Pointers } from '../ui/Pointers'
import { Answer, Empty } from '../ui/states'
import { Json, Untrusted } from '../ui/text'
import { When } from '../ui/When'
import { Checks } from './Checks'
import { Labels } from './Labels'
import { partsOf, writtenOf } from './parts'
import { promptQuery, promptVersionsQuery } from './queries'
import { Results } from './Results'
import { UsedBy } from './UsedBy'

const HERE = '/prompts/$name'
const TABS = ['text', 'changes', 'checks', 'results', 'used'] as const

export function PromptPage() {
  const { name } = useParams({ from: `/frame${HERE}` })
  const prompt = useQuery(promptQuery(name))
  const versions = useQuery(promptVersionsQuery(name))
  const mayWrite = useMay('prompts.write')
  const { version } = useSearch({ from: `/frame${HERE}` })
  const navigate = useNavigate()
  return (
    <Page
      title={name}
      crumbs={[{ label: t`Prompts`, to: '/prompts' }]}
      actions={prompt.data && (
          <>
            <Button size="sm" variant="default" onClick={() => void navigate({ to: '/playground', search: { prompt: name, version } })}>{t`Try it`}</Button>
            {mayWrite && <Button size="sm" onClick={() => void navigate({ to: '/prompts/$name/write', params: { name }, search: { from: version } })}>{t`Write a version`}</Button>}
          </>
        )}
      command={sh`treadle prompt versions ${name}`}
      python={`client.prompts.list_versions(${JSON.stringify(name)})`}
    >
      <Answer query={prompt} what={t`the prompt`}>
        {(data) => (
          <>
            <Labels prompt={data} />
            <Answer query={versions} what={t`versions`}>{(rows) => <Versions prompt={data} rows={rows} />}</Answer>
          </>
        )}
      </Answer>
    </Page>
  )
}

function Versions({ prompt, rows }: { prompt: Prompt; rows: PromptVersion[] }) {
  const search = useSearch({ from: `/frame${HERE}` })
  const shown = rows.find(({ version }) => String(version) === search.version) ?? rows[0]
  if (shown === undefined) return <Empty title={t`It has no version yet`} />
  return (
    <>
      <Section title={t`Versions`}>
        <DataTable
          caption={t`Versions of ${prompt.name}`}
          rows={rows}
          rowKey={(version) => version.prompt_version_id}
          selected={(version) => version === shown}
          maxHeight="17rem"
          columns={[
            { head: t`Version`, cell: ({ version }) => <Link to={HERE} params={{ name: prompt.name }} search={{ ...search, version: String(version), against: undefined }} aria-current={version === shown.version || undefined} resetScroll={false}>{`v${version}`}</Link> },
            { head: t`Why`, cell: ({ message }) => (message ? <Untrusted text={message} fold={160} /> : <span className="dim">{t`nothing was said`}</span>), wide: true },
            { head: t`Labels`, cell: ({ version }) => <Pointers pointers={prompt.labels} version={version} /> },
            { head: t`Made from`, cell: ({ parents = [] }) => (parents.length > 0 ? parents.map((parent) => `v${parent}`).join(', ') : <span className="dim">{t`nothing`}</span>) },
            { head: t`Made`, cell: ({ created_at }) => <When at={created_at} /> },
          ]}
        />
      </Section>
      <Section title={t`Version ${shown.version}`} beside={<Id value={shown.prompt_version_id} />}>
        <Shown prompt={prompt} rows={rows} shown={shown} />
      </Section>
    </>
  )
}

function Shown({ prompt, rows, shown }: { prompt: Prompt; rows: PromptVersion[]; shown: PromptVersion }) {
  const search = useSearch({ from: `/frame${HERE}` })
  const navigate = useNavigate()
  const tab = TABS.find((known) => known === search.tab) ?? 'text'
  return (
    <Tabs value={tab} keepMounted={false} onChange={(value) => void navigate({ to: HERE, params: { name: prompt.name }, search: { ...search, tab: value ?? undefined }, resetScroll: false })}>
      <Tabs.List>
        <Tabs.Tab value="text">{t`What it says`}</Tabs.Tab>
        <Tabs.Tab value="changes">{t`Changes`}</Tabs.Tab>
        <Tabs.Tab value="checks">{t`Checks and cost`}</Tabs.Tab>
        <Tabs.Tab value="results">{t`Results`}</Tabs.Tab>
        <Tabs.Tab value="used">{t`Used by`}</Tabs.Tab>
      </Tabs.List>
      <Tabs.Panel value="text" pt="md"><Says version={shown} /></Tabs.Panel>
      <Tabs.Panel value="changes" pt="md"><Changed prompt={prompt} rows={rows} shown={shown} /></Tabs.Panel>
      <Tabs.Panel value="checks" pt="md"><Checks version={shown} /></Tabs.Panel>
      <Tabs.Panel value="results" pt="md"><Results prompt={prompt} versions={rows} shown={shown} /></Tabs.Panel>
      <Tabs.Panel value="used" pt="md">
        <div className="stack">
          <UsedBy version={shown} />
          <Lineage nodeId={shown.prompt_version_id} title={t`Lineage of version ${shown.version}`} />
        </div>
      </Tabs.Panel>
    </Tabs>
  )
}

function Says({ version }: { version: PromptVersion }) {
  const rows = version.examples?.rows ?? []
  return (
    <div className="stack-tight">
      <Facts
        facts={[
          [t`Fills in`, version.variables.length > 0 ? version.variables.map((variable, at) => <span key={variable}>{at > 0 && ', '}<code>{variable}</code></span>) : t`nothing`],
          [t`Kind`, version.kind === 'text' ? t`one text, which others may include` : t`messages`],
          [t`Language`, version.engine === 'jinja' ? t`Jinja` : t`Mustache`],
          [t`Includes`, version.includes && version.includes.length > 0 ? version.includes.map((one, at) => <span key={one.prompt_version_id}>{at > 0 && ', '}<Link to={HERE} params={{ name: one.name }} search={{ version: String(one.version) }}>{`${one.name} v${one.version}`}</Link></span>) : null],
          [t`Examples`, version.examples ? version.examples.selection === 'nearest' ? t`${version.examples.count ?? 3} of ${plural(rows.length, { one: '# row', other: '# rows' })}, those nearest to each request` : t`${version.examples.count ?? 3} of ${plural(rows.length, { one: '# row', other: '# rows' })}, the same for everybody` : null],
        ]}
      />
      <Chat input={writtenOf(version).map(({ role, template }) => ({ role, content: template }))} />
      <div className="columns">
        {version.config && Object.keys(version.config).length > 0 && <Section title={t`Parameters`}><Json value={version.config} label={t`parameters`} /></Section>}
        {version.input_schema && <Section title={t`Schema of the variables`}><Json value={version.input_schema} label={t`schema of the variables`} /></Section>}
        {version.output_schema && <Section title={t`Schema of the answer`}><Json value={version.output_schema} label={t`schema of the answer`} /></Section>}
      </div>
      {rows.length > 0 && (
        <DataTable
          caption={t`Examples that it shows`}
          rows={rows}
          rowKey={(_, at) => String(at)}
          maxHeight="16rem"
          columns={[{ head: t`Asked`, cell: ({ input }) => <Untrusted text={input} fold={240} />, wide: true }, { head: t`Answered`, cell: ({ output }) => <Untrusted text={output} fold={240} /> }]}
        />
      )}
    </div>
  )
}

function Changed({ prompt, rows, shown }: { prompt: Prompt; rows: PromptVersion[]; shown: PromptVersion }) {
  const search = useSearch({ from: `/frame${HERE}` })
  const navigate = useNavigate()
  const others = rows.filter((one) => one !== shown)
  const usual = shown.parents?.at(0) ?? others.find(({ version }) => version < shown.version)?.version ?? others[0]?.version
  const against = others.find(({ version }) => String(version) === (search.against ?? String(usual)))
  if (against === undefined) return <Empty title={t`There is no other version to lay beside it`} />
  const parts = partsOf(against, shown)
  const changed = parts.filter(({ before, after }) => before !== after)
  return (
    <div className="stack-tight">
      <div className="row" style={{ alignItems: 'flex-end' }}>
        <NativeSelect
          label={t`Beside version`}
          size="xs"
          value={String(against.version)}
          data={others.map(({ version, message }) => ({ value: String(version), label: `v${version}${message ? `: ${message.slice(0, 60)}` : ''}` }))}
          onChange={(event) => void navigate({ to: HERE, params: { name: prompt.name }, search: { ...search, tab: 'changes', against: event.currentTarget.value }, resetScroll: false })}
        />
        <p className="dim" role="status">{changed.length === 0 ? t`They say the same.` : t`${plural(changed.length, { one: '# part differs', other: '# parts differ' })}, ${plural(parts.length - changed.length, { one: '# is', other: '# are' })} the same.`}</p>
      </div>
      {changed.map((part) => <SideBySide key={part.title} {...part} names={[`v${against.version}`, `v${shown.version}`]} />)}
    </div>
  )
}
