/* One turn as a picture: its steps on a belt that closes on itself, what the turn came to in the middle. In reading order it is
   a plain list, so a narrow screen, a keyboard and a screen reader walk it step by step. */
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { WheelIcon } from '../ui/icons'
import { lookOf } from '../ui/Status'
import styles from './Wheel.module.css'

export type Step = {
  key: string
  title: string
  /** A run's state, or 'pending' where the step has not begun. */
  state: string
  /** What came of it, in words; empty while nothing has. */
  words: string
  /** How long it took or has been going. */
  took: ReactNode
  /** The page that shows it; null while there is nothing to show. */
  href: string | null
  /** Done so far, 0-1, while it runs. */
  progress: number | null
}

export function Wheel({ steps, running, children }: { steps: Step[]; running: boolean; children: ReactNode }) {
  const columns = Math.ceil(steps.length / 2)
  return (
    <div className={styles.wheel}>
      <div className={styles.track} style={{ '--columns': columns } as React.CSSProperties}>
        <svg className={styles.belt} aria-hidden="true" data-running={running || undefined}>
          <rect x="2" y="2" rx="34" />
        </svg>
        <ol className={styles.steps}>
          {steps.map((step, index) => (
            <li key={step.key} style={place(index, columns, steps.length)} data-row={index < columns ? 'out' : 'back'} data-end={index === columns - 1 || undefined}>
              <StepCard step={step} number={index + 1} />
            </li>
          ))}
        </ol>
        <div className={styles.hub}>
          <span className={styles.mark} data-running={running || undefined}><WheelIcon size={40} /></span>
          {children}
        </div>
      </div>
    </div>
  )
}

/** Out along the upper row, back along the lower one: the last step lands below the first. */
function place(index: number, columns: number, steps: number): React.CSSProperties {
  const out = index < columns
  const column = out ? index + 1 : columns - (index - columns)
  const shift = out || steps === columns * 2 ? 0 : 1
  return { '--column': column - shift, '--row': out ? 1 : 3 } as React.CSSProperties
}

function StepCard({ step, number }: { step: Step; number: number }) {
  const look = lookOf(step.state)
  const inside = (
    <>
      <span className={styles.head}>
        <span className={styles.number} aria-hidden="true">{number}</span>
        <span className={styles.title}>{step.title}</span>
        <span className={styles.sign} data-tone={look.tone} data-turning={step.state === 'running' || undefined}><look.Icon size={14} /></span>
      </span>
      <span className={styles.words}>{step.words || look.word}</span>
      <span className={styles.foot}>
        <span className="hidden-visually">{look.word}. </span>
        {step.state === 'pending' ? null : step.took}
      </span>
      {step.state === 'running' && step.progress != null && (
        <span className={styles.progress} aria-hidden="true"><span style={{ inlineSize: `${Math.round(step.progress * 100)}%` }} /></span>
      )}
    </>
  )
  return step.href === null ? (
    <div className={styles.card} data-tone={look.tone} data-state={step.state}>{inside}</div>
  ) : (
    <Link to={step.href} className={styles.card} data-tone={look.tone} data-state={step.state}>{inside}</Link>
  )
}
