/* One rollout: its evidence, its plan, and what a person may do about it. */
import { t } from '@lingui/core/macro'
import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { count, duration, percent } from '../format/numbers'
import { sh } from '../format/shell'
import { Lineage } from '../lineage/Lineage'
import { DataTable } from '../ui/DataTable'
import { Page, Section } from '../ui/Page'
import { Answer } from '../ui/states'
import { canBeUndone, endpointQuery, rolloutQuery, useReleaseName } from './queries'
import { RolloutActions } from './RolloutActions'
import { RolloutEvidence } from './RolloutEvidence'
import { RolloutState } from './Attention'

export function RolloutPage() {
  const { rolloutId } = useParams({ from: '/frame/rollouts/$rolloutId' })
  const rollout = useQuery(rolloutQuery(rolloutId))
  const candidate = useReleaseName(rollout.data?.candidate_release_id)
  const endpoint = rollout.data?.endpoint
  const { data: behind } = useQuery({ ...endpointQuery(endpoint ?? ''), enabled: endpoint !== undefined })
  const stillServes = rollout.data !== undefined && behind !== undefined && canBeUndone(rollout.data, behind)
  return (
    <Page
      title={rollout.data ? rollout.data.readout ? t`Rollout of several releases on ${rollout.data.endpoint}` : t`Rollout of ${candidate ?? t`a release`} on ${rollout.data.endpoint}` : t`Rollout`}
      crumbs={[{ label: t`Rollouts`, to: '/rollouts' }, ...(endpoint ? [{ label: endpoint, to: `/endpoints/${endpoint}` }] : [])]}
      beside={rollout.data && <RolloutState rollout={rollout.data} />}
      actions={rollout.data && <>{!rollout.data.readout && <Link to="/releases/$releaseId/against/$otherId" params={{ releaseId: rollout.data.candidate_release_id, otherId: rollout.data.stable_release_id }}>{t`What differs`}</Link>}<RolloutActions rollout={rollout.data} stillServes={stillServes} /></>}
      command={sh`treadle rollout status ${rolloutId}`}
      python={`client.rollouts.get(${JSON.stringify(rolloutId)})`}
    >
      <Answer query={rollout} what={t`the rollout`}>
        {(data) => (
          <>
            <RolloutEvidence rollout={data} />
            <div className="columns">
              {data.plan.kind === 'canary' && (
                <Section title={t`Steps`}>
                  <DataTable
                    caption={t`Steps of the plan`}
                    rows={(data.plan.steps ?? []).map((step, index) => ({ ...step, index }))}
                    rowKey={(step) => String(step.index)}
                    selected={(step) => data.stage === 'canary' && step.index === data.step && !data.ended_at}
                    columns={[
                      { head: t`Step`, cell: (step) => step.index + 1, numeric: true },
                      { head: t`Candidate’s share`, cell: (step) => percent(step.weight, 0), numeric: true },
                      { head: t`Candidate units at least`, cell: (step) => count(step.min_units), numeric: true },
                      { head: t`Time at least`, cell: (step) => (step.min_seconds ? duration(step.min_seconds * 1000) : t`none`), numeric: true },
                    ]}
                  />
                </Section>
              )}
              <Section title={t`Guards`}>
                <DataTable
                  caption={t`What is watched`}
                  rows={data.plan.guards ?? []}
                  rowKey={(guard) => guard.name}
                  columns={[
                    { head: t`Guard`, cell: (guard) => guard.name },
                    { head: t`A unit is bad when`, cell: (guard) => guard.signals.join(t` or `) },
                    { head: t`Margin`, cell: (guard) => `${guard.margin}×`, numeric: true },
                    { head: t`Needed to promote`, cell: (guard) => (guard.needed_to_promote ? t`yes` : t`no, it can only veto`) },
                  ]}
                />
              </Section>
            </div>
            <Lineage nodeId={data.rollout_id} />
          </>
        )}
      </Answer>
    </Page>
  )
}
