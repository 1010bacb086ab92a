/* Starting a rollout: which release, by which steps, how long it is likely to take at the traffic of late, and the start. */
import { t } from '@lingui/core/macro'
import { Button } from '@mantine/core'
import { useDebouncedValue, useDisclosure } from '@mantine/hooks'
import { queryOptions, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { api, body } from '../api/client'
import { problemOf } from '../api/problem'
import type { Body, Endpoint, Forecast, Release } from '../api/types'
import { ofSame } from '../api/requests'
import { count, duration, percent } from '../format/numbers'
import { useMay } from '../governance/queries'
import { DataTable } from '../ui/DataTable'
import { Dialog } from '../ui/Dialog'
import { NamePick } from '../ui/NamePick'
import { Snippet } from '../ui/Snippet'
import { Loading, ProblemState } from '../ui/states'
import { failedGatesOf, GatesInAWord } from './Grounds'
import { commandOf, isWhole, planOf, pythonOf, USUAL, type Plan, type PlanDraft } from './plan'
import { PlanEdit } from './PlanEdit'
import { releaseQuery, releasesFound } from './queries'

/** A release is looked for by its name; which of its versions, one sees. */
const VERSION = / v\d.*$/
/** Typing has come to rest. */
const WAIT_MS = 300

const wantedOf = (endpoint: string, releaseId: string, plan: Plan | undefined) => ({ endpoint, release_id: releaseId, ...(plan && { plan }) }) as Body<'/api/v1/rollouts', 'post'>

export function StartRollout({ endpoint }: { endpoint: Endpoint }) {
  const may = useMay('releases.write')
  const [opened, { open, close }] = useDisclosure(false)
  const [releaseId, setReleaseId] = useState('')
  const [draft, setDraft] = useState(USUAL)
  const plan = planOf(draft)
  const navigate = useNavigate()
  const requests = useQueryClient()
  const start = useMutation({
    mutationFn: () => body(api.POST('/api/v1/rollouts', { body: wantedOf(endpoint.name, releaseId, plan) })),
    onSuccess: () => Promise.all([requests.invalidateQueries({ queryKey: ['rollouts'] }), requests.invalidateQueries({ queryKey: ['endpoints'] })]),
  })
  const begin = (): void => {
    setDraft(USUAL)
    open()
  }
  if (!may || endpoint.rollout_id != null || endpoint.stable_release_id == null) return null
  return (
    <>
      <Button size="xs" onClick={begin}>{t`Roll out a release`}</Button>
      <Dialog
        title={t`Roll out a release on ${endpoint.name}`}
        opened={opened}
        close={close}
        confirm={t`Start it`}
        size="lg"
        disabled={releaseId === '' || !isWhole(draft)}
        words={t`Traffic moves to it step by step; evidence that it is worse takes it back at once.`}
        shown={['release_id']}
        command={commandOf(endpoint.name, releaseId, plan)}
        run={async () => {
          const rollout = await start.mutateAsync()
          void navigate({ to: '/rollouts/$rolloutId', params: { rolloutId: rollout.rollout_id } })
        }}
      >
        {(faults) => (
          <>
            <NamePick
              label={t`Release`}
              description={t`One that was approved for ${endpoint.environment}`}
              found={({ q }) => releasesFound({ q: q?.replace(VERSION, '') })}
              choiceOf={(release) => (release.release_id === endpoint.stable_release_id ? null : choiceOf(release))}
              value={releaseId}
              onChange={setReleaseId}
              error={faults('release_id')}
              enabled={opened}
              data-autofocus
            />
            {releaseId !== '' && <FailedGates releaseId={releaseId} />}
            {releaseId !== '' && <Planned endpoint={endpoint.name} releaseId={releaseId} draft={draft} set={(part) => setDraft((before) => ({ ...before, ...part }))} />}
            <Snippet body={pythonOf(endpoint.name, releaseId, plan)} />
          </>
        )}
      </Dialog>
    </>
  )
}

function choiceOf(release: Release): { value: string; label: string } {
  const marks = [!release.approval && t`not approved`, failedGatesOf(release).length > 0 && t`gate failed`].filter(Boolean)
  return { value: release.release_id, label: `${release.name} v${release.version}${marks.length > 0 ? ` (${marks.join(', ')})` : ''}` }
}

/** What the gates of the chosen release found against it. */
function FailedGates({ releaseId }: { releaseId: string }) {
  const { data: release } = useQuery(releaseQuery(releaseId))
  const found = release ? failedGatesOf(release) : []
  if (release === undefined || found.length === 0) return null
  return (
    <div className="stack-tight" role="status">
      <p className="row"><span>{t`Gates`}</span> <GatesInAWord release={release} /></p>
      {found.map((gate) => <p key={gate.name}>{gate.name}: {gate.checks.filter(({ passed }) => !passed).map(({ words }) => words).join('; ')}</p>)}
    </div>
  )
}

type Step = Forecast['steps'][number]

/** The guard that sees it first decides. */
function caughtIn({ guards }: Step) {
  const seconds = guards.flatMap(({ seconds_to_catch_double: caught }) => (caught == null ? [] : [caught]))
  return seconds.length === 0 ? <span className="dim">{t`cannot be said`}</span> : duration(1000 * Math.min(...seconds))
}

const forecastQuery = (endpoint: string, releaseId: string, plan: Plan | undefined) =>
  queryOptions({
    queryKey: ['rollouts', 'forecast', endpoint, releaseId, plan ?? null],
    queryFn: () => body(api.POST('/api/v1/rollouts/plan', { body: wantedOf(endpoint, releaseId, plan) })),
    placeholderData: ofSame('rollouts', 'forecast', endpoint, releaseId),
    staleTime: 60_000,
    retry: false,
  })

/** The plan, and what `treadle rollout plan` says of it. */
function Planned({ endpoint, releaseId, draft, set }: { endpoint: string; releaseId: string; draft: PlanDraft; set: (part: Partial<PlanDraft>) => void }) {
  const [settled] = useDebouncedValue(draft, WAIT_MS)
  const usual = useQuery(forecastQuery(endpoint, releaseId, undefined))
  const forecast = useQuery({ ...forecastQuery(endpoint, releaseId, planOf(settled)), enabled: isWhole(settled) })
  if (usual.error) return <ProblemState problem={problemOf(usual.error)} />
  if (usual.data === undefined) return <Loading what={t`how long it will take`} />
  return (
    <>
      <PlanEdit draft={draft} set={set} usual={usual.data} said={forecast.data} />
      {forecast.error && <ProblemState problem={problemOf(forecast.error)} />}
      {forecast.data && <Expected forecast={forecast.data} isOld={forecast.isPlaceholderData || draft !== settled || !isWhole(settled)} />}
    </>
  )
}

function Expected({ forecast: { words, steps, units_per_day: perDay }, isOld }: { forecast: Forecast; isOld: boolean }) {
  return (
    <div className="stack-tight" role="status" aria-busy={isOld} style={isOld ? { opacity: 0.5 } : undefined}>
      <p>{words}</p>
      <p className="dim">{t`${count(Math.round(perDay))} units a day of late`}</p>
      <DataTable
        caption={t`The steps, if it is as good as what serves`}
        rows={steps}
        rowKey={(_, index) => String(index)}
        columns={[
          { head: t`Traffic`, cell: (step) => percent(step.weight, 0), numeric: true },
          { head: t`Likely to take`, cell: (step) => (step.seconds == null ? <span className="dim">{t`cannot be said`}</span> : duration(step.seconds * 1000)), numeric: true },
          { head: t`Units`, cell: (step) => count(step.units), numeric: true },
          { head: t`A candidate twice as bad is taken back within`, cell: (step) => caughtIn(step) },
        ]}
      />
    </div>
  )
}
