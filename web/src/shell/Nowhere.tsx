/* An address that leads nowhere, and a page that failed: both say so and lead back. */
import { t } from '@lingui/core/macro'
import { Link, type ErrorComponentProps } from '@tanstack/react-router'
import { problemOf } from '../api/problem'
import { Page } from '../ui/Page'
import styles from './Nowhere.module.css'
import { Empty, ProblemState } from '../ui/states'
import { Shell } from './Shell'

export function Nowhere() {
  return (
    <Shell>
      <Page title={t`No such page`}>
        <Empty title={t`This address leads nowhere`}><Link to="/">{t`Go to Home`}</Link></Empty>
      </Page>
    </Shell>
  )
}

export function Failed({ error, reset }: ErrorComponentProps) {
  return (
    <main className={styles.place}>
      <Page title={t`This page failed`}>
        <ProblemState problem={problemOf(error)} retry={reset} />
      </Page>
    </main>
  )
}
