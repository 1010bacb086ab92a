/* On what grounds a release may serve: every gate with its numbers, everyone who approved, and what each environment says to that. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Release } from '../api/types'
import { sh } from '../format/shell'
import { DataTable } from '../ui/DataTable'
import { Panel } from '../ui/Page'
import { Answer, Empty } from '../ui/states'
import { Status } from '../ui/Status'
import { Untrusted } from '../ui/text'
import { When } from '../ui/When'
import { askedInWords, baselineInWords } from './gating'
import { environmentsQuery, standingQuery } from './queries'

/** What approving asks for: a reason unless there is a gate and none failed. */
export const hasPassed = (release: Release): boolean => gatesOf(release).length > 0 && failedGatesOf(release).length === 0

const gatesOf = (release: Release) => release.gates ?? []

export const failedGatesOf = (release: Release) => gatesOf(release).filter((gate) => gate.result !== 'passed')

/** All gates of a release in a word. */
export function GatesInAWord({ release }: { release: Release }) {
  const gates = gatesOf(release)
  const failed = failedGatesOf(release)
  if (gates.length === 0) return <span className="dim">{t`none`}</span>
  return <Status state={failed.length === 0 ? 'ok' : 'failed'} word={failed.length === 0 ? t`passed` : gates.length === 1 ? t`failed` : t`failed: ${failed.map((gate) => gate.name).join(', ')}`} />
}

/** Whether somebody let it serve although its gates had not passed. */
export const isOverridden = (release: Release): boolean => (release.approvals ?? []).some((approval) => approval.override_reason)

/** Approved by its gates' evidence, over them, or not at all. */
export function ApprovalState({ release }: { release: Release }) {
  if (!release.approval) return <Status state="draft" />
  return isOverridden(release) ? <Status state="overridden" word={t`Over its gates`} /> : <Status state="approved" />
}

/** Everyone who approved a release, by name, and whether it was over its gates. */
export function Approvers({ release }: { release: Release }) {
  const names = (release.approvals ?? []).map((approval) => {
    const more = [approval.key_made_by != null && t`by a key that somebody else made`, approval.override_reason && t`over its gates`].filter(Boolean)
    return more.length > 0 ? `${approval.actor_name} (${more.join(', ')})` : approval.actor_name
  })
  return names.length > 0 ? <>{names.join(', ')}</> : <span className="dim">{t`nobody`}</span>
}

export function Gates({ release }: { release: Release }) {
  const gates = gatesOf(release)
  if (gates.length === 0) return <Empty title={t`No gate evaluated`} command={sh`treadle release gate ${release.release_id} --baseline EXPERIMENT --candidate EXPERIMENT`}>{t`A gate compares the release with a baseline on the same rows.`}</Empty>
  return (
    <>
      {gates.map((gate) => (
        <div key={gate.name} className="stack-tight">
          <h3 className="row">{gate.name} <Status state={gate.result === 'passed' ? 'ok' : 'failed'} word={gate.result} /></h3>
          <p>{[askedInWords(gate.policy), baselineInWords(gate)].filter(Boolean).join(' ')}</p>
          <DataTable
            caption={t`What gate ${gate.name} looked at`}
            rows={gate.checks}
            rowKey={(check) => check.name}
            columns={[
              { head: t`Check`, cell: (check) => check.name },
              { head: t`Held`, cell: (check) => <Status state={check.passed ? 'ok' : 'failed'} word={check.passed ? t`yes` : t`no`} /> },
              { head: t`With which numbers`, cell: (check) => check.words, wide: true },
            ]}
          />
          <p className="dim">
            <Trans>
              Evaluated <When at={gate.evaluated_at} /> from{' '}
              <Link to="/experiments/$experimentId" params={{ experimentId: gate.candidate_experiment_id }}>its experiment</Link> against{' '}
              <Link to="/experiments/$experimentId" params={{ experimentId: gate.baseline_experiment_id }}>the baseline’s</Link>.
            </Trans>
          </p>
        </div>
      ))}
    </>
  )
}

export function Approvals({ release }: { release: Release }) {
  const approvals = release.approvals ?? []
  if (approvals.length === 0) return <Empty title={t`Not approved`} command={sh`treadle release approve ${release.release_id}`}>{t`Nothing begins to serve a release that nobody approved.`}</Empty>
  return (
    <>
      {approvals.map((approval) => (
        <Panel key={approval.actor_id}>
          <p>
            {approval.override_reason && <Status state="overridden" word={t`Over its gates`} />}{' '}
            <Trans>Approved by <strong>{approval.actor_name}</strong> ({approval.kind === 'service' ? t`a program` : approval.role}), <When at={approval.approved_at} />.</Trans>{' '}
            {approval.key_made_by != null && t`A key did it that somebody else made, as whose approval it counts.`}{' '}
            {approval.override_reason ? t`Its gates had not passed; the reason given:` : t`Its gates had passed.`}
          </p>
          {approval.override_reason && <Untrusted text={approval.override_reason} />}
        </Panel>
      ))}
    </>
  )
}

/** How a release stands in each environment, by that environment's policy. */
export function Standings({ release }: { release: Release }) {
  const environments = useQuery(environmentsQuery)
  return (
    <Answer query={environments} what={t`the environments`}>
      {(found) => {
        const names = found.map((environment) => environment.name)
        return (
          <DataTable
            caption={t`How it stands in each environment`}
            rows={names.length > 0 ? names : ['production']}
            rowKey={(name) => name}
            columns={[
              { head: t`Environment`, cell: (name) => name },
              { head: t`May begin to serve`, cell: (name) => <Standing releaseId={release.release_id} environment={name} show="state" /> },
              { head: t`Why`, cell: (name) => <Standing releaseId={release.release_id} environment={name} show="words" />, wide: true },
            ]}
          />
        )
      }}
    </Answer>
  )
}

function Standing({ releaseId, environment, show }: { releaseId: string; environment: string; show: 'state' | 'words' }) {
  const { data } = useQuery(standingQuery(releaseId, environment))
  if (!data) return null
  return show === 'words' ? <>{data.words}</> : <Status state={data.is_approved ? 'ok' : 'draft'} word={data.is_approved ? t`yes` : t`no`} />
}
