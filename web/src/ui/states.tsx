/* What a page shows when it has nothing else to show: loading, empty, and each way a request can fail, in words that say what
   to do next. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Skeleton } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { Problem, problemOf } from '../api/problem'
import { CommandLine } from './CommandLine'
import { CrossIcon, WarnIcon } from './icons'
import styles from './states.module.css'

export function Loading({ what }: { what: string }) {
  return (
    <div role="status" aria-label={t`Loading ${what}`} className="stack-tight">
      <Skeleton height={18} width="32%" />
      <Skeleton height={14} />
      <Skeleton height={14} />
      <Skeleton height={14} width="70%" />
    </div>
  )
}

export function Empty({ title, children, command }: { title: string; children?: ReactNode; command?: string }) {
  return (
    <div className={styles.state}>
      <p className={styles.title}>{title}</p>
      {children && <p className="dim">{children}</p>}
      {command && <CommandLine command={command} label={t`The first step`} />}
    </div>
  )
}

const WORDS: Record<string, { title: string; advice: ReactNode }> = {
  server_gone: {
    title: t`The server does not answer`,
    advice: <Trans>It may have been stopped. Start it again in the workspace with <code>treadle up</code>; this page then goes on by itself.</Trans>,
  },
  '401': { title: t`You are signed out`, advice: <Trans><Link to="/sign-in">Sign in</Link> with an API key.</Trans> },
  '403': { title: t`You may not see this`, advice: t`Your key lacks the permission named above. An owner or admin of the project can grant it.` },
  '404': { title: t`There is nothing here`, advice: t`It may have been removed, or belongs to another project.` },
}

/** The same of something that was to be done, not seen. */
const { '404': _, ...OF_BOTH } = WORDS
const DEED_WORDS: typeof WORDS = { ...OF_BOTH, '403': { title: t`You may not do this`, advice: WORDS['403']?.advice } }

/** `deed`: something was to be done, and was refused. */
export function ProblemState({ problem, retry, deed = false }: { problem: Problem; retry?: (() => void) | undefined; deed?: boolean }) {
  const known = deed ? DEED_WORDS : WORDS
  const words = known[problem.code] ?? known[String(problem.status)]
  return (
    <div className={styles.state} role="alert" data-problem={problem.code}>
      <p className={`${styles.title} ${styles.trouble}`}>
        {problem.status === 404 ? <WarnIcon /> : <CrossIcon />} {words?.title ?? problem.title}
      </p>
      {problem.status !== 0 && <p className="untrusted">{problem.detail}</p>}
      {words && <p className="dim">{words.advice}</p>}
      <p className="dim mono">{problem.code}</p>
      {retry && problem.status !== 404 && (
        <Button size="xs" variant="default" onClick={retry}>{t`Try again`}</Button>
      )}
    </div>
  )
}

type Asked<T> = { data: T | undefined; error: Error | null; refetch: () => unknown }

/** Shows a request in each of its states; `children` draws the answer. An answer already here outlives a failed refresh. */
export function Answer<T>({ query, what, children }: { query: Asked<T>; what: string; children: (data: T) => ReactNode }) {
  if (query.data !== undefined) {
    return (
      <>
        {query.error && <Stale problem={problemOf(query.error)} />}
        {children(query.data)}
      </>
    )
  }
  if (query.error) return <ProblemState problem={problemOf(query.error)} retry={() => void query.refetch()} />
  return <Loading what={what} />
}

function Stale({ problem }: { problem: Problem }) {
  return (
    <p className={styles.stale} role="status">
      <WarnIcon size={14} /> {problem.status === 0 ? t`Shown as last seen: the server does not answer` : t`Shown as last seen: ${problem.detail}`}
    </p>
  )
}
