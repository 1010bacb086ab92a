/* Where a prompt's labels point, what it takes to carry each, and moving one in place. */
import { t } from '@lingui/core/macro'
import { Button, NumberInput, Textarea, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { Prompt } from '../api/types'
import { sh } from '../format/shell'
import { useMay } from '../governance/queries'
import { CommandLine } from '../ui/CommandLine'
import { DataTable } from '../ui/DataTable'
import { Dialog } from '../ui/Dialog'
import { Section } from '../ui/Page'
import { Answer } from '../ui/states'
import { Tag } from '../ui/Status'
import { policiesQuery, useMoveLabel } from './queries'
import { policyInWords } from './words'

const NAMES = { version: t`Version` }

export function Labels({ prompt }: { prompt: Prompt }) {
  const policies = useQuery(policiesQuery)
  const may = useMay('prompts.publish')
  return (
    <Section title={t`Labels`} beside={may && <Move prompt={prompt} />}>
      <Answer query={policies} what={t`labels`}>
        {(rules) => {
          const names = [...new Set([...Object.keys(prompt.labels), ...rules.map(({ label }) => label)])].sort()
          return (
            <>
              <DataTable
                caption={t`Labels of ${prompt.name}`}
                rows={names}
                rowKey={(label) => label}
                columns={[
                  { head: t`Label`, cell: (label) => <Tag tone="live">{label}</Tag> },
                  { head: t`Points at`, cell: (label) => (prompt.labels[label] === undefined ? <span className="dim">{t`nothing yet`}</span> : <Link to="/prompts/$name" params={{ name: prompt.name }} search={{ version: String(prompt.labels[label]) }}>{`v${prompt.labels[label]}`}</Link>) },
                  { head: t`What it takes to carry it`, cell: (label) => policyInWords(rules.find((rule) => rule.label === label)), wide: true },
                  ...(may ? [{ head: t`Move`, cell: (label: string) => <Move prompt={prompt} label={label} /> }] : []),
                ]}
              />
              <div><CommandLine command="treadle prompt policies" label={t`What labels take, from the command line`} /></div>
            </>
          )
        }}
      </Answer>
    </Section>
  )
}

function Move({ prompt, label }: { prompt: Prompt; label?: string }) {
  const [opened, { open, close }] = useDisclosure(false)
  const [name, setName] = useState(label ?? '')
  const [version, setVersion] = useState(prompt.latest_version)
  const [override, setOverride] = useState('')
  // Where the labels were when this was opened: what is moved is moved from there.
  const [labels, setLabels] = useState(prompt.labels)
  const govern = useMay('prompts.govern')
  const move = useMoveLabel(prompt.name)
  const begin = (): void => {
    setName(label ?? '')
    setVersion(prompt.latest_version)
    setOverride('')
    setLabels(prompt.labels)
    open()
  }
  const reason = override.trim()
  const wanted = name.trim()
  const from = labels[wanted]
  return (
    <>
      <Button size="xs" variant="default" onClick={begin} aria-label={label ? t`Move ${label}` : undefined}>{label ? t`Move` : t`Set a label`}</Button>
      <Dialog
        title={label ? t`Move ${label} of ${prompt.name}` : t`Set a label of ${prompt.name}`}
        opened={opened}
        close={close}
        confirm={t`Move it`}
        disabled={wanted === ''}
        run={(when) => move.mutateAsync({ label: wanted, version, override: reason, when })}
        edit={{ revision: from === undefined ? null : String(from), of: wanted, was: { version: from }, mine: { version }, names: NAMES, take: (now) => setVersion(now.version ?? version) }}
        words={t`Whoever renders by this label has the other version at once. Releases keep the version that they were made with.`}
        command={sh`treadle prompt publish ${prompt.name} ${version} --label ${wanted || 'LABEL'}` + (reason === '' ? '' : sh` --override ${reason}`)}
        shown={['version', 'label', 'override']}
      >
        {(faults) => (
          <>
            {label === undefined && <TextInput label={t`Label`} description={t`Such as staging; small letters, digits and hyphens`} value={name} onChange={(event) => setName(event.currentTarget.value)} error={faults('label')} data-autofocus />}
            <NumberInput label={t`Version`} min={1} max={prompt.latest_version} value={version} onChange={(value) => setVersion(Number(value))} error={faults('version')} />
            {govern && <Textarea label={t`Why it may carry the label although its policy says no`} description={t`Only where that is so; it is audited`} value={override} onChange={(event) => setOverride(event.currentTarget.value)} error={faults('override')} autosize minRows={1} />}
          </>
        )}
      </Dialog>
    </>
  )
}
