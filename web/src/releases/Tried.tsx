/* Which releases a rollout tries: the candidate, or every arm; of several, the one that was promoted is named as such. */
import { t } from '@lingui/core/macro'
import type { Rollout } from '../api/types'
import { ReleaseLink } from './ReleaseLink'

export function Tried({ rollout }: { rollout: Rollout }) {
  const arms = rollout.plan.arms?.arms
  if (!arms) return <ReleaseLink releaseId={rollout.candidate_release_id} />
  return (
    <>
      {arms.map((arm, index) => (
        <span key={arm.release_id}>
          {index > 0 && ', '}
          <ReleaseLink releaseId={arm.release_id} />
          {rollout.status === 'promoted' && arm.release_id === rollout.candidate_release_id && t` (promoted)`}
        </span>
      ))}
    </>
  )
}
