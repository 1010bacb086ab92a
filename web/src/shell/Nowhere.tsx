/* An address that leads nowhere, and a page that failed: both say so and lead back. */
import { t } from '@lingui/core/macro'
import { Link, type ErrorComponentProps } from '@tanstack/react-router'
import { useEffect } from 'react'
import { problemOf } from '../api/problem'
import { keep, readKept } from '../ui/kept'
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

/** Where not even the frame could be drawn. */
export function Failed(failure: ErrorComponentProps) {
  return (
    <main className={styles.place}>
      <FailedInFrame {...failure} />
    </main>
  )
}

export function FailedInFrame({ error, reset }: ErrorComponentProps) {
  const problem = problemOf(error)
  const isGone = problem.code === 'server_gone'
  useEffect(() => (isGone ? reloadOnceThere() : undefined), [isGone])
  return (
    <Page title={t`This page failed`}>
      <ProblemState problem={problem} retry={isGone ? () => window.location.reload() : reset} />
    </Page>
  )
}

const LOOK_AGAIN_MS = 3000
/** A part that does not come although the server is there is not asked for without end. */
const NO_SOONER_MS = 30_000
const RELOADED = 'treadle-reloaded-at'

/** Loads the page anew when the server answers: it was away, or another build of these pages is there now. What one wrote is kept. */
function reloadOnceThere(): () => void {
  const leaving = new AbortController()
  const look = async (): Promise<void> => {
    const isThere = await window.fetch('/healthz', { cache: 'no-store', signal: leaving.signal }).then(({ ok }) => ok, () => false)
    const reloadedAt = readKept('session', RELOADED)
    if (leaving.signal.aborted || !isThere || (typeof reloadedAt === 'number' && Date.now() - reloadedAt < NO_SOONER_MS)) return
    keep('session', RELOADED, Date.now())
    window.location.reload()
  }
  void look()
  const timer = window.setInterval(() => void look(), LOOK_AGAIN_MS)
  return () => {
    leaving.abort()
    window.clearInterval(timer)
  }
}
