/* Where a judge works: the answer, the questions, and keys for all of it. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Textarea } from '@mantine/core'
import { useDisclosure, useLocalStorage } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { useEffect, useLayoutEffect, useRef, useState } from 'react'
import type { Queue } from '../api/types'
import { sh } from '../format/shell'
import { Page } from '../ui/Page'
import { Answer, Empty, Loading, ProblemState } from '../ui/states'
import { asked, deedOf, fillingOf, given, missing, nextActive, type Answer as Said, type Answers, type Deed } from './answers'
import { Asked } from './Asked'
import styles from './Judge.module.css'
import { Keys } from './Keys'
import { Progress } from './Progress'
import { queueQuery } from './queries'
import { Sides } from './Sides'
import { useJudging } from './useJudging'

export function JudgePage() {
  const { name } = useParams({ from: '/frame/queues/$name/judge' })
  const queue = useQuery(queueQuery(name))
  return (
    <Page title={t`Judge ${name}`} crumbs={[{ label: t`Queues`, to: '/queues' }, { label: name, to: `/queues/${encodeURIComponent(name)}` }]} lead={queue.data?.instructions || undefined} command={sh`treadle queue next ${name}`} python={`client.queues.open_next(${JSON.stringify(name)})`}>
      <Answer query={queue} what={t`the queue`}>{(data) => <Desk queue={data} />}</Answer>
    </Page>
  )
}

function Desk({ queue }: { queue: Queue }) {
  const judging = useJudging(queue.name)
  const [helps, help] = useDisclosure(false)
  const [single, setSingle] = useLocalStorage({ key: 'treadle-single-keys', defaultValue: true })
  const [active, setActive] = useState(0)
  const [focusOn, setFocusOn] = useState<{ index: number } | null>(null)
  const [tried, setTried] = useState(false)
  const comment = useRef<HTMLTextAreaElement>(null)
  const form = useRef<HTMLFormElement>(null)
  const questions = asked(queue)
  const one = judging.items?.[0]
  const itemId = one?.work.item_id

  // Keys are pressed at what is seen: from the moment on in which an item is drawn they are its keys.
  useLayoutEffect(() => {
    setActive(0)
    setTried(false)
    window.scrollTo(0, 0)
  }, [itemId])

  // After what was chosen is drawn, so that the focus goes to it.
  useEffect(() => {
    if (focusOn === null) return
    const place = form.current?.querySelector(`[data-question="${focusOn.index}"]`)
    place?.querySelector<HTMLElement>('input:checked, textarea, input:not([type=radio])')?.focus({ preventScroll: true })
    if (!place?.contains(document.activeElement)) place?.querySelector<HTMLElement>('input')?.focus({ preventScroll: true })
    place?.scrollIntoView({ block: 'nearest' })
  }, [focusOn])
  const answer = (at: number, value: Said): Answers => {
    const question = questions[at]
    if (!one || !question) return {}
    const answers = { ...one.answers, [question.name]: value }
    judging.change({ answers })
    return answers
  }
  const submit = (): void => {
    if (!one) return
    const [first] = missing(questions, one.answers)
    if (first === undefined) return judging.submit(one, given(one.answers))
    setTried(true)
    goTo(questions.indexOf(first))
  }
  const act = (deed: Deed): void => {
    switch (deed.do) {
      case 'choose': {
        const answers = answer(deed.at, deed.value)
        return goTo(deed.goesOn ? nextActive(questions, answers, deed.at) : deed.at)
      }
      case 'move': return goTo(deed.to)
      case 'submit': return submit()
      case 'undo': return judging.takeBack()
      case 'skip': return one && judging.pass(one)
      case 'comment': return comment.current?.focus()
      case 'help': return help.open()
    }
  }
  const goTo = (index: number): void => {
    setActive(index)
    setFocusOn({ index })
  }

  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (helps || event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return
      const target = event.target instanceof HTMLElement ? event.target : document.body
      const writes = target.matches('textarea, select, input:not([type=radio]):not([type=checkbox])')
      if (writes && event.key === 'Escape') return target.blur()
      if (writes && (event.key !== 'Enter' || event.shiftKey || target.matches('select'))) return
      if (event.key === 'Enter' && target.closest('button, a, summary')) return
      if (!one && event.key !== 'u' && event.key !== '?') return
      const deed = deedOf(event.key, { questions, answers: one?.answers ?? {}, active, single })
      if (deed === null) return
      event.preventDefault()
      act(deed)
    }
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  })

  const lacking = tried && one ? missing(questions, one.answers) : []
  return (
    <>
      <div className="spread">
        <Progress queue={queue} />
        <div className="row">
          <span className="dim">{t`${plural(judging.numDone, { one: '# judgement', other: '# judgements' })} of yours just now`}</span>
          <Button size="xs" variant="default" className={styles.act} onClick={judging.takeBack}>{t`Undo`}{single && <kbd aria-hidden="true">u</kbd>}</Button>
          <Button size="xs" variant="default" className={styles.act} onClick={help.open}>{t`Keyboard`}{single && <kbd aria-hidden="true">?</kbd>}</Button>
        </div>
      </div>
      <span className="hidden-visually" role="status">{judging.said}</span>
      {judging.problem && <ProblemState problem={judging.problem} retry={judging.again} />}
      {one ? (
        <div className={styles.desk} data-pair={one.work.b != null || undefined} key={itemId}>
          <Sides work={one.work} />
          <form className={styles.form} ref={form} aria-label={t`Your judgement`} onSubmit={(event) => { event.preventDefault(); submit() }}>
            {questions.map((question, index) => (
              <Asked
                key={question.name}
                question={question}
                index={index}
                answer={one.answers[question.name]}
                isActive={index === active}
                isMissing={lacking.includes(question)}
                showKeys={single && index === active}
                onAnswer={(value) => answer(index, value)}
                onActive={() => setActive(index)}
              />
            ))}
            <div className={styles.comment}>
              <Textarea ref={comment} label={t`Comment (optional)`} size="xs" autosize minRows={1} maxRows={6} value={one.comment} onChange={(event) => judging.change({ comment: event.currentTarget.value })} />
            </div>
            <div className={styles.foot}>
              <Button type="submit" size="sm" className={styles.act}>{t`Send`}{single && <kbd aria-hidden="true">Enter</kbd>}</Button>
              <Button size="sm" variant="default" className={styles.act} onClick={() => judging.pass(one)}>{t`Skip`}{single && <kbd aria-hidden="true">s</kbd>}</Button>
            </div>
          </form>
        </div>
      ) : judging.items === null || judging.isSending ? (
        !judging.problem && <Loading what={t`the next item`} />
      ) : (
        <NothingLeft queue={queue} />
      )}
      <Keys opened={helps} close={help.close} single={single} setSingle={setSingle} />
    </>
  )
}

function NothingLeft({ queue }: { queue: Queue }) {
  if (queue.num_items === 0)
    return <Empty title={t`The queue is empty`} command={fillingOf(queue)}>{queue.mode === 'pairwise' ? t`Choose two traces in their list, then compare them in this queue.` : t`Put answers from live traffic into it.`}</Empty>
  return (
    <Empty title={t`Nothing is left for you here`}>
      <Trans>What is not done yet is with others, or waits for people who have not judged it. <Link to="/queues/$name" params={{ name: queue.name }}>See how far the queue is and how you agree</Link></Trans>
    </Empty>
  )
}
