/* What a person may do to a rollout that is under way. Each asks once more and says what will happen. */
import { t } from '@lingui/core/macro'
import { Button } from '@mantine/core'
import type { Rollout } from '../api/types'
import { sh } from '../format/shell'
import { useMay } from '../governance/queries'
import { Confirm } from '../ui/Confirm'
import { isMoving, useReleaseName, useRolloutAction, type RolloutAction } from './queries'

const WORDS: Record<RolloutAction, { button: string; asks: string; does: string; command: string }> = {
  promote: { button: t`Promote`, asks: t`Promote the candidate?`, does: t`All traffic goes to the candidate at once, whatever the evidence says so far.`, command: 'treadle rollout promote' },
  rollback: { button: t`Roll back`, asks: t`Roll back?`, does: t`All traffic goes back to the stable release at once.`, command: 'treadle rollout rollback' },
  pause: { button: t`Pause`, asks: t`Pause the rollout?`, does: t`The shares stay as they are and no further step is taken; evidence still rolls back.`, command: 'treadle rollout pause' },
  resume: { button: t`Resume`, asks: t`Resume the rollout?`, does: t`The rollout goes on with its next step.`, command: 'treadle rollout resume' },
}

const OFFERED: Partial<Record<Rollout['status'], RolloutAction[]>> = {
  pending: ['rollback'],
  running: ['promote', 'pause', 'rollback'],
  paused: ['promote', 'resume', 'rollback'],
  held: ['promote', 'resume', 'rollback'],
}

/** stillServes: whether the endpoint still serves what this rollout promoted, so that it can be taken back. */
export function RolloutActions({ rollout, stillServes = false }: { rollout: Rollout; stillServes?: boolean }) {
  const may = useMay('releases.write')
  const act = useRolloutAction(rollout.rollout_id)
  if (!may) return null
  if (stillServes) return <Undo run={() => act.mutateAsync({ action: 'rollback' })} rollout={rollout} />
  if (!isMoving(rollout)) return null
  const arms = rollout.readout?.arms.filter((arm) => arm.arm !== 'stable' && !arm.dropped).map((arm) => arm.release_id)
  const offered = (OFFERED[rollout.status] ?? []).filter((action) => action !== 'promote' || arms === undefined)
  return (
    <div className="row">
      {(OFFERED[rollout.status] ?? []).includes('promote') && arms?.map((releaseId) => <PromoteArm key={releaseId} rolloutId={rollout.rollout_id} releaseId={releaseId} />)}
      {offered.map((action) => (
        <Confirm
          key={action}
          title={WORDS[action].asks}
          words={WORDS[action].does}
          command={`${WORDS[action].command} ${rollout.rollout_id}`}
          confirm={WORDS[action].button}
          danger={action === 'rollback'}
          run={() => act.mutateAsync({ action })}
        >
          {(open) => (
            <Button size="xs" variant={action === 'promote' ? 'filled' : 'default'} color={action === 'rollback' ? 'red' : undefined} onClick={open}>
              {WORDS[action].button}
            </Button>
          )}
        </Confirm>
      ))}
    </div>
  )
}

/** A promotion is taken back by the same command as a rollout under way. */
function Undo({ rollout, run }: { rollout: Rollout; run: () => Promise<unknown> }) {
  const before = useReleaseName(rollout.stable_release_id) ?? rollout.stable_release_id
  return (
    <Confirm
      title={t`Undo the promotion?`}
      words={t`All traffic goes back to ${before} as soon as its engine answers.`}
      command={sh`treadle rollout rollback ${rollout.rollout_id}`}
      confirm={t`Undo the promotion`}
      danger
      run={run}
    >
      {(open) => <Button size="xs" variant="default" color="red" onClick={open}>{t`Undo the promotion`}</Button>}
    </Confirm>
  )
}

/** Of several arms a person says which. */
function PromoteArm({ rolloutId, releaseId }: { rolloutId: string; releaseId: string }) {
  const act = useRolloutAction(rolloutId)
  const name = useReleaseName(releaseId) ?? releaseId
  return (
    <Confirm
      title={t`Promote ${name}?`}
      words={t`All traffic goes to this release at once, whatever the evidence says so far.`}
      command={sh`treadle rollout promote ${rolloutId} --release ${releaseId}`}
      confirm={t`Promote`}
      run={() => act.mutateAsync({ action: 'promote', releaseId })}
    >
      {(open) => <Button size="xs" onClick={open}>{t`Promote ${name}`}</Button>}
    </Confirm>
  )
}
