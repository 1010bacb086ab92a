/* A chatbot for one endpoint that a colleague can try. What it says is untrusted Markdown; what people say of an answer stays on its
   trace. Answers count in no rollout. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Textarea } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { lazy, memo, Suspense, useCallback, useDeferredValue, useEffect, useRef, useState, type FormEvent, type KeyboardEvent, type RefObject } from 'react'
import { askEvents } from '../api/events'
import { problemOf } from '../api/problem'
import type { Me } from '../api/types'
import { sh } from '../format/shell'
import { meQuery, useMay } from '../governance/queries'
import { ReleaseLink } from '../releases/ReleaseLink'
import { endpointQuery } from '../releases/queries'
import { CopyButton } from '../ui/CommandLine'
import { WarnIcon } from '../ui/icons'
import { keep, readKept } from '../ui/kept'
import { Page } from '../ui/Page'
import { Answer as Shown, Empty, Loading } from '../ui/states'
import { Untrusted } from '../ui/text'
import styles from './ChatPage.module.css'
import { followsAfter } from './following'
import { Say } from './Say'
import { asked, ended, failed, heard, judged, keptOf, stopped, toldOf, withoutLast, type Answer, type End, type Turn } from './talk'

const Markdown = lazy(() => import('../ui/Markdown'))
/** Typing rests. */
const REST_MS = 400

export function ChatPage() {
  const { name } = useParams({ from: '/frame/endpoints/$name/chat' })
  const endpoint = useQuery(endpointQuery(name))
  const { data: me } = useQuery(meQuery)
  const may = useMay('gateway.invoke')
  return (
    <Page
      title={t`Chat with ${name}`}
      crumbs={[{ label: t`Endpoints`, to: '/endpoints' }, { label: name, to: `/endpoints/${encodeURIComponent(name)}` }]}
      lead={t`Try it as your users would. What you say of an answer stays with its trace; nothing here counts in a rollout.`}
      command={sh`curl ${window.location.origin}/v1/chat/completions -H "Authorization: Bearer $TREADLE_API_KEY" -H "Content-Type: application/json" -d ${JSON.stringify({ model: name, messages: [{ role: 'user', content: 'Hello' }] })}`}
      python={`from treadle.playground.types import NewChat, Said\nfor event, data in client.playground.iter_chat(NewChat(endpoint=${JSON.stringify(name)}, messages=[Said(role="user", content="Hello")])):\n    print(event, data)`}
    >
      <Shown query={endpoint} what={t`the endpoint`}>
        {(data) => (
          <>
            {data.disabled != null && <p role="alert"><WarnIcon size={14} /> {t`Switched off, so it answers nothing: ${data.disabled}`}</p>}
            {data.stable_release_id === null && <p><WarnIcon size={14} /> {t`No release stands behind it yet, so it may have nothing to answer with.`}</p>}
            {me === undefined ? <Loading what={t`the endpoint`} /> : !may ? (
              <Empty title={t`Your role may not ask`}><Trans>Asking takes the permission <code>gateway.invoke</code>. An owner or admin of the project can grant it.</Trans></Empty>
            ) : (
              <Talk key={placeOf(me, name)} endpoint={name} place={placeOf(me, name)} />
            )}
          </>
        )}
      </Shown>
    </Page>
  )
}

const placeOf = ({ project, actor }: Me, endpoint: string): string => `treadle-chat:${project.project_id}:${actor.actor_id}:${endpoint}`

/** The conversation is kept under `place` for this tab: who looks at a trace comes back to it. */
function Talk({ endpoint, place }: { endpoint: string; place: string }) {
  const [before] = useState(() => keptOf(readKept('session', place)))
  const [talk, setTalk] = useState<Turn[]>(before?.talk ?? [])
  const [words, setWords] = useState(before?.words ?? '')
  const [sessionId, setSession] = useState(before?.sessionId ?? newSession)
  const going = useRef<AbortController | null>(null)
  const box = useRef<HTMLTextAreaElement>(null)
  const last = talk.at(-1)
  const isComing = last?.role === 'assistant' && last.state === 'coming'
  useEffect(() => () => going.current?.abort(), [])
  useKept(place, talk.length === 0 && words === '' ? null : { sessionId, talk, words }, isComing)
  const { grows, follow } = useFollowing(talk.length > 0)

  const ask = async (before: readonly Turn[], said: string): Promise<void> => {
    const control = new AbortController()
    going.current = control
    const now = asked(before, said)
    follow()
    setTalk(now)
    try {
      await askEvents('/api/v1/chat', { endpoint, session_id: sessionId, messages: toldOf(now) }, control.signal, ({ name, data }) => {
        if (control.signal.aborted) return
        if (name === 'delta') setTalk((turns) => heard(turns, (data as { text: string }).text))
        if (name === 'end') setTalk((turns) => ended(turns, data as End))
      })
    } catch (thrown) {
      setTalk((turns) => (control.signal.aborted ? stopped(turns) : failed(turns, sayOf(thrown))))
    } finally {
      box.current?.focus()
    }
  }
  const send = (event?: FormEvent): void => {
    event?.preventDefault()
    const said = words.trim()
    if (said === '' || isComing) return
    setWords('')
    void ask(talk, said)
  }
  const again = (): void => {
    const { before, words: said } = withoutLast(talk)
    void ask(before, said)
  }
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) {
      event.preventDefault()
      send()
    }
  }
  const renew = (): void => {
    going.current?.abort()
    setTalk([])
    setSession(newSession())
    box.current?.focus()
  }
  return (
    <div className={styles.talk}>
      <h2 className="hidden-visually">{t`Conversation`}</h2>
      <div ref={grows} className={styles.turns} role="log" aria-label={t`Conversation with ${endpoint}`} aria-busy={isComing}>
        {talk.length === 0 && <p className="dim">{t`Nothing was said yet. Ask something below.`}</p>}
        {talk.map((turn, index) =>
          turn.role === 'user' ? (
            <div key={index} className={styles.turn} data-role="user"><div className={styles.who}>{t`You`}</div><Untrusted text={turn.content} /></div>
          ) : (
            <Answered key={index} answer={turn} endpoint={endpoint} again={index === talk.length - 1 ? again : null} told={(traceId, thumb) => setTalk((turns) => judged(turns, traceId, thumb))} />
          ),
        )}
      </div>
      <form className={styles.ask} onSubmit={send}>
        <Textarea ref={box} aria-label={t`Say something to ${endpoint}`} placeholder={t`Say something`} autosize minRows={2} maxRows={10} maxLength={200_000} value={words} onChange={(event) => setWords(event.currentTarget.value)} onKeyDown={onKey} style={{ flex: 1 }} />
        <div className={styles.buttons}>
          {isComing ? <Button key="stop" variant="default" onClick={() => going.current?.abort()}>{t`Stop`}</Button> : <Button key="send" type="submit" disabled={words.trim() === ''}>{t`Send`}</Button>}
          {talk.length > 0 && <Button variant="subtle" size="xs" onClick={renew}>{t`Begin anew`}</Button>}
        </div>
      </form>
      <p className="dim"><Trans><kbd>Enter</kbd> sends, <kbd>Shift</kbd> <kbd>Enter</kbd> begins a line.</Trans>{' '}{talk.length > 0 && <Link to="/sessions/$name" params={{ name: sessionId }}>{t`This conversation as a session`}</Link>}</p>
    </div>
  )
}

/** Keeps the newest state once typing rests and when one leaves, not at every letter or word. Of whoever has signed out nothing is kept. */
function useKept(place: string, state: object | null, isComing: boolean): void {
  const requests = useQueryClient()
  const newest = useRef(state)
  newest.current = state
  const write = useCallback((): void => {
    if (requests.getQueryData(meQuery.queryKey) !== undefined) keep('session', place, newest.current)
  }, [requests, place])
  useEffect(() => {
    if (isComing) return
    const timer = setTimeout(write, REST_MS)
    return () => clearTimeout(timer)
  })
  useEffect(() => {
    window.addEventListener('pagehide', write)
    return () => {
      window.removeEventListener('pagehide', write)
      write()
    }
  }, [write])
}

/** Follows what grows at the end of the page, but only who stands there: nobody who reads above is pulled down. */
function useFollowing(atOnce: boolean): { grows: RefObject<HTMLDivElement | null>; follow: () => void } {
  const grows = useRef<HTMLDivElement>(null)
  const follows = useRef(atOnce)
  useEffect(() => {
    let wasY = window.scrollY
    const look = (): void => {
      const y = window.scrollY
      follows.current = followsAfter(follows.current, { wasY, y, left: document.documentElement.scrollHeight - window.innerHeight - y })
      wasY = y
    }
    const grown = new ResizeObserver(() => {
      if (!follows.current) return
      window.scrollTo({ top: document.documentElement.scrollHeight, behavior: 'instant' })
      wasY = window.scrollY
    })
    if (grows.current) grown.observe(grows.current)
    window.addEventListener('scroll', look, { passive: true })
    return () => {
      grown.disconnect()
      window.removeEventListener('scroll', look)
    }
  }, [])
  return {
    grows,
    follow: () => {
      follows.current = true
    },
  }
}

/** Read anew only where the text changed, and then not at every word: what is behind for a moment comes with the next. */
const Written = memo(function Written({ text }: { text: string }) {
  return <Suspense fallback={<Untrusted text={text} />}><Markdown text={text} /></Suspense>
})

type AnsweredProps = { answer: Answer; endpoint: string; again: (() => void) | null; told: (traceId: string, thumb: 0 | 1) => void }

function Answered({ answer, endpoint, again, told }: AnsweredProps) {
  const { state, content, traceId } = answer
  const written = useDeferredValue(content)
  return (
    <div className={styles.turn} data-role="assistant">
      <div className={styles.who}>{endpoint}</div>
      {content !== '' && <Written text={written} />}
      {state === 'coming' && content === '' && <p className="dim" role="status">{t`It thinks…`}</p>}
      {state === 'stopped' && <p className="dim">{t`Stopped.`}</p>}
      {state === 'failed' && <p role="alert" className="untrusted"><WarnIcon size={14} /> {t`No answer: ${answer.error ?? ''}`}</p>}
      {state !== 'coming' && (
        <div className="row">
          {content !== '' && <CopyButton text={content} what={t`answer`} />}
          {traceId !== null && <Link to="/traces/$traceId" params={{ traceId }}>{t`Trace`}</Link>}
          {answer.releaseId !== null && <span className="dim"><Trans>by <ReleaseLink releaseId={answer.releaseId} /></Trans></span>}
          {again !== null && <Button size="compact-xs" variant="subtle" onClick={again}>{t`Ask again`}</Button>}
        </div>
      )}
      {state === 'whole' && traceId !== null && <Say traceId={traceId} thumb={answer.thumb} told={(thumb) => told(traceId, thumb)} />}
    </div>
  )
}

const newSession = (): string => `try-${[...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`

function sayOf(thrown: unknown): string {
  const problem = problemOf(thrown)
  return problem.status === 0 && problem.code === 'server_gone' ? t`the server does not answer` : problem.detail || problem.title
}
