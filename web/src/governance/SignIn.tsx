/* Signing in: with the link that the server printed, or with an API key. A failed link says so and leaves the key. */
import { t } from '@lingui/core/macro'
import { Button, PasswordInput } from '@mantine/core'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useEffect, useRef, type FormEvent } from 'react'
import { problemOf } from '../api/problem'
import { CommandLine } from '../ui/CommandLine'
import { Mark } from '../ui/icons'
import { Scheme } from '../shell/Scheme'
import { useSignIn } from './queries'
import styles from './SignIn.module.css'

export function SignIn() {
  const { token, next } = useSearch({ from: '/sign-in' })
  const navigate = useNavigate()
  const signIn = useSignIn()
  const tried = useRef(false)

  const enter = (given: { key: string } | { token: string }): void => {
    signIn.mutate(given, { onSuccess: () => void navigate({ to: safeNext(next), replace: true }) })
  }

  useEffect(() => {
    document.title = t`Sign in · Treadle`
    if (!token || tried.current) return
    tried.current = true
    enter({ token })
  })

  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault()
    const key = String(new FormData(event.currentTarget).get('key') ?? '').trim()
    if (key) enter({ key })
  }

  return (
    <main className={styles.place}>
      <div className={styles.card}>
        <div className={styles.brand}>
          <Mark size={44} />
          <div>
            <h1>{t`Treadle`}</h1>
            <p className="dim">{t`Sign in to your project`}</p>
          </div>
        </div>
        <form onSubmit={submit} className="stack-tight">
          <PasswordInput
            name="key"
            label={t`API key`}
            description={t`A key of this project; it stays on this machine and becomes a session cookie.`}
            autoComplete="current-password"
            autoFocus={!token}
            required
            withAsterisk={false}
            error={signIn.error ? refusal(signIn.error, signIn.variables) : undefined}
            visibilityToggleButtonProps={{ 'aria-label': t`Show or hide the key`, tabIndex: 0 }}
          />
          <Button type="submit" loading={signIn.isPending}>{t`Sign in`}</Button>
        </form>
        <div className="stack-tight">
          <p className="dim">{t`No key at hand? On the machine that runs Treadle, print a link that signs you in once:`}</p>
          <CommandLine command="treadle open" label={t`Print a sign-in link`} />
        </div>
        <Scheme />
      </div>
    </main>
  )
}

function refusal(thrown: unknown, given: { key: string } | { token: string } | undefined): string {
  const problem = problemOf(thrown)
  if (problem.status === 0) return t`The server does not answer. Start it in the workspace with: treadle up`
  return given && 'token' in given ? t`The link did not work: ${problem.detail}` : problem.detail
}

/** Only places of this application: never an address that a link brought along. */
function safeNext(next: string | undefined): string {
  return next !== undefined && /^\/(?![/\\])/.test(next) && !next.startsWith('/sign-in') ? next : '/'
}
