/* What is likely wrong with a version, how it held against attacks, and what asking it costs before it is asked. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, NumberInput, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useMutation, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { PromptVersion } from '../api/types'
import { count, percent, usd } from '../format/numbers'
import { sh } from '../format/shell'
import { useMay } from '../governance/queries'
import { endpointsFound } from '../releases/queries'
import { CommandLine } from '../ui/CommandLine'
import { DataTable } from '../ui/DataTable'
import { Dialog } from '../ui/Dialog'
import { FilterText } from '../ui/Filter'
import { byName, NamePick } from '../ui/NamePick'
import { Section } from '../ui/Page'
import { Answer, Empty } from '../ui/states'
import { Status, Tag } from '../ui/Status'
import { Untrusted } from '../ui/text'
import { When } from '../ui/When'
import { lintQuery, previewQuery, safetyQuery, startSafety } from './queries'
import { packsInWords } from './words'

export function Checks({ version }: { version: PromptVersion }) {
  return (
    <div className="stack">
      <Advice version={version} />
      <SafetyOf version={version} />
      <Cost key={version.prompt_version_id} version={version} />
    </div>
  )
}

function Advice({ version }: { version: PromptVersion }) {
  const advice = useQuery(lintQuery(version.prompt_name, version.version))
  return (
    <Section title={t`What to look at`}>
      <Answer query={advice} what={t`advice`}>
        {(found) =>
          found.length === 0 ? (
            <p>{t`Nothing was found that is likely wrong.`}</p>
          ) : (
            <DataTable
              caption={t`What is likely wrong`}
              rows={found}
              rowKey={(_, at) => String(at)}
              columns={[
                { head: t`How bad`, cell: ({ level }) => <Tag tone={level === 'error' ? 'bad' : 'warn'}>{level}</Tag> },
                { head: t`Where`, cell: ({ message }) => (message == null ? t`the prompt` : t`message ${message + 1}`) },
                { head: t`What`, cell: ({ words }) => <Untrusted text={words} />, wide: true },
              ]}
            />
          )
        }
      </Answer>
      <div><CommandLine command={sh`treadle prompt lint ${version.prompt_name} --version ${version.version}`} /></div>
    </Section>
  )
}

function SafetyOf({ version }: { version: PromptVersion }) {
  const safety = useQuery(safetyQuery(version.prompt_name, version.version))
  const may = useMay('evals.write')
  return (
    <Section title={t`Held against attacks`} beside={may && <Attack version={version} />}>
      <Answer query={safety} what={t`safety evaluations`}>
        {(found) =>
          found.length === 0 ? (
            <Empty title={t`It was not attacked yet`} command={sh`treadle prompt safety ${version.prompt_name} --version ${version.version} --endpoint ENDPOINT`}>{t`Labels such as production ask for a safety evaluation that passed.`}</Empty>
          ) : (
            <>
              <DataTable
                caption={t`Safety evaluations`}
                rows={found}
                rowKey={(one) => one.safety_id}
                columns={[
                  { head: t`State`, cell: (one) => <Status state={one.passed ? 'approved' : 'failed'} word={one.passed ? t`Passed` : t`Did not pass`} /> },
                  { head: t`Held`, cell: packsInWords, wide: true },
                  { head: t`At least`, cell: (one) => percent(one.least_held, 0), numeric: true },
                  { head: t`Through`, cell: (one) => <Link to="/endpoints/$name" params={{ name: one.endpoint }}>{one.endpoint}</Link> },
                  { head: t`When`, cell: (one) => <When at={one.ran_at} /> },
                ]}
              />
              {found[0] && found[0].attacks.some(({ held }) => held !== true) && (
                <DataTable
                  caption={t`Attempts of the newest that did not hold`}
                  rows={found[0].attacks.filter(({ held }) => held !== true)}
                  rowKey={(attack) => `${attack.pack} ${attack.name}`}
                  maxHeight="16rem"
                  columns={[
                    { head: t`Attempt`, cell: (attack) => `${attack.pack}: ${attack.name}` },
                    { head: t`Held`, cell: (attack) => (attack.held === null ? t`not judged` : t`no`) },
                    { head: t`What was seen`, cell: (attack) => <Untrusted text={attack.why} fold={240} />, wide: true },
                  ]}
                />
              )}
            </>
          )
        }
      </Answer>
    </Section>
  )
}

function Attack({ version }: { version: PromptVersion }) {
  const [opened, { open, close }] = useDisclosure(false)
  const [endpoint, setEndpoint] = useState('')
  const start = useMutation({ mutationFn: () => startSafety(version.prompt_name, version.version, endpoint) })
  return (
    <>
      <Button size="xs" variant="default" onClick={open}>{t`Attack it`}</Button>
      <Dialog
        title={t`Attack version ${version.version}`}
        opened={opened}
        close={close}
        confirm={t`Attack it`}
        disabled={endpoint === ''}
        run={() => start.mutateAsync()}
        words={t`Some forty known attacks are sent through an endpoint, best one without a prompt and guards of its own. It costs what the requests cost.`}
        command={sh`treadle prompt safety ${version.prompt_name} --version ${version.version} --endpoint ${endpoint || 'ENDPOINT'}`}
        stays
        done={start.data && <p><Trans>It is being attacked: <Link to="/runs/$runId" params={{ runId: start.data.run_id }} onClick={close}>{start.data.title}</Link>.</Trans></p>}
      >
        {(faults) => <NamePick label={t`Through endpoint`} found={endpointsFound} choiceOf={byName} value={endpoint} onChange={setEndpoint} error={faults('endpoint')} enabled={opened} />}
      </Dialog>
    </>
  )
}

function Cost({ version }: { version: PromptVersion }) {
  const [models, setModels] = useState('')
  const [requests, setRequests] = useState(1000)
  const [variables, setVariables] = useState<Record<string, string>>({})
  const wanted = models.split(',').map((name) => name.trim()).filter((name) => name !== '')
  const given = Object.fromEntries(version.variables.map((name) => [name, variables[name] ?? '']))
  const preview = useQuery(previewQuery(version.prompt_name, version.version, wanted, given, requests))
  return (
    <Section title={t`Tokens and cost before it is asked`}>
      <div className="row" style={{ alignItems: 'flex-end' }}>
        <FilterText label={t`Models, by commas`} placeholder="gpt-5-mini, anthropic/claude-haiku-4-5" value={models} wide onApply={setModels} />
        <NumberInput label={t`Requests`} size="xs" w={110} min={1} value={requests} onChange={(value) => setRequests(Math.max(1, Number(value)))} />
        {version.variables.slice(0, 8).map((name) => (
          <TextInput key={name} label={name} size="xs" w={150} defaultValue="" onBlur={(event) => setVariables({ ...variables, [name]: event.currentTarget.value })} />
        ))}
      </div>
      {wanted.length === 0 ? (
        <p className="dim">{t`Name a model, and press Enter. A model version of yours is named by its id; a price that nobody knows is said to be unknown.`}</p>
      ) : (
        <Answer query={preview} what={t`tokens`}>
          {(found) => (
            <DataTable
              caption={t`Tokens and cost by model`}
              rows={found}
              rowKey={(one) => one.model}
              columns={[
                { head: t`Model`, cell: (one) => one.model, wide: true },
                { head: t`Tokens of the prompt`, cell: (one) => (one.is_estimate ? t`about ${count(one.input_tokens)}` : count(one.input_tokens)), numeric: true },
                { head: t`Counted by`, cell: (one) => one.tokenizer },
                { head: t`${count(requests)} requests, 256 tokens answered`, cell: (one) => usd(one.cost_usd), numeric: true },
              ]}
            />
          )}
        </Answer>
      )}
      <div><CommandLine command={sh`treadle prompt preview ${version.prompt_name} --version ${version.version} --model ${wanted[0] ?? 'MODEL'} --requests ${requests}`} /></div>
    </Section>
  )
}
