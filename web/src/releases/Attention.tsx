/* A rollout's state, and why it does not go on without a person, said where people look. */
import { t } from '@lingui/core/macro'
import type { Rollout } from '../api/types'
import { Status } from '../ui/Status'
import { WarnIcon } from '../ui/icons'
import styles from './EndpointPage.module.css'

/** Its status, or that it waits for somebody. */
export function RolloutState({ rollout }: { rollout: Rollout }) {
  return rollout.needs_attention ? <Status state="held" word={t`Needs attention`} /> : <Status state={rollout.status} />
}

/** Why, where the decision above does not say it already. */
export function Attention({ rollout }: { rollout: Rollout }) {
  if (!rollout.needs_attention || rollout.needs_attention === rollout.reason) return null
  return <p className={styles.problem} role="alert"><WarnIcon size={14} /> {t`Needs attention: ${rollout.needs_attention}`}</p>
}
