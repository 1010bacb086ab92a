/* Key facts of a thing as a definition list: label above value, in as many columns as fit. Facts without a value are left out. */
import type { ReactNode } from 'react'
import styles from './Facts.module.css'

export type Fact = [label: string, value: ReactNode | null | undefined]

export function Facts({ facts }: { facts: Fact[] }) {
  return (
    <dl className={styles.facts}>
      {facts
        .filter(([, value]) => value != null && value !== '')
        .map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  )
}
