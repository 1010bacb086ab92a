/* A state in a word, a shape and a tone. The tone alone never carries the meaning. An unknown state is shown as it is named. */
import { t } from '@lingui/core/macro'
import type { JSX } from 'react'
import { BackIcon, CrossIcon, DotIcon, PauseIcon, TickIcon, TurningIcon, WaitIcon, WarnIcon } from './icons'
import styles from './Status.module.css'

export type Tone = 'good' | 'bad' | 'warn' | 'live' | 'idle'

type Look = { tone: Tone; word: string; Icon: (props: { size?: number }) => JSX.Element }

const LOOKS: Record<string, Look> = {
  queued: { tone: 'idle', word: t`Queued`, Icon: WaitIcon },
  pending: { tone: 'idle', word: t`Waiting`, Icon: WaitIcon },
  running: { tone: 'live', word: t`Running`, Icon: TurningIcon },
  succeeded: { tone: 'good', word: t`Succeeded`, Icon: TickIcon },
  failed: { tone: 'bad', word: t`Failed`, Icon: CrossIcon },
  cancelled: { tone: 'warn', word: t`Cancelled`, Icon: CrossIcon },
  paused: { tone: 'warn', word: t`Paused`, Icon: PauseIcon },
  promoted: { tone: 'good', word: t`Promoted`, Icon: TickIcon },
  held: { tone: 'warn', word: t({ message: 'Held', context: 'state of a rollout' }), Icon: WarnIcon },
  rolled_back: { tone: 'bad', word: t`Rolled back`, Icon: BackIcon },
  overridden: { tone: 'warn', word: t`Overridden`, Icon: WarnIcon },
  approved: { tone: 'good', word: t`Approved`, Icon: TickIcon },
  rejected: { tone: 'bad', word: t`Rejected`, Icon: CrossIcon },
  draft: { tone: 'idle', word: t`Not approved`, Icon: WaitIcon },
  ok: { tone: 'good', word: t`OK`, Icon: TickIcon },
  error: { tone: 'bad', word: t`Error`, Icon: CrossIcon },
  unset: { tone: 'idle', word: t`No status`, Icon: DotIcon },
  firing: { tone: 'bad', word: t`Firing`, Icon: WarnIcon },
  resolved: { tone: 'good', word: t`Over`, Icon: TickIcon },
  no_data: { tone: 'idle', word: t`No data`, Icon: WaitIcon },
  silenced: { tone: 'warn', word: t`Silenced`, Icon: PauseIcon },
  off: { tone: 'idle', word: t`Off`, Icon: PauseIcon },
  well: { tone: 'good', word: t`Well`, Icon: TickIcon },
  bad: { tone: 'bad', word: t`Bad`, Icon: CrossIcon },
  waiting: { tone: 'idle', word: t`Waiting`, Icon: WaitIcon },
  delivered: { tone: 'good', word: t`Delivered`, Icon: TickIcon },
  given_up: { tone: 'bad', word: t`Given up`, Icon: CrossIcon },
  better: { tone: 'good', word: t`Better`, Icon: TickIcon },
  worse: { tone: 'bad', word: t`Worse`, Icon: CrossIcon },
  not_shown_to_be_better: { tone: 'warn', word: t`Not shown to be better`, Icon: WarnIcon },
  equivalent: { tone: 'good', word: t`Equivalent within the margin`, Icon: TickIcon },
  as_good: { tone: 'good', word: t`As good within the margin`, Icon: TickIcon },
}

export function lookOf(state: string): Look {
  const spoken = state.replaceAll('_', ' ')
  return LOOKS[state.replaceAll(' ', '_')] ?? { tone: 'idle', word: spoken.charAt(0).toUpperCase() + spoken.slice(1), Icon: DotIcon }
}

export function Status({ state, word }: { state: string; word?: string }) {
  const look = lookOf(state)
  return (
    <span className={styles.badge} data-tone={look.tone} data-state={state}>
      <span className={state === 'running' ? styles.turning : undefined}>
        <look.Icon size={13} />
      </span>
      {word ?? look.word}
    </span>
  )
}

/** A short label with a tone of its own, for facts that are no state. */
export function Tag({ tone = 'idle', children }: { tone?: Tone; children: React.ReactNode }) {
  return (
    <span className={styles.badge} data-tone={tone}>
      {children}
    </span>
  )
}
