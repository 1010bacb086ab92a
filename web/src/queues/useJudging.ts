/* A judge at work: the item in hand and those opened ahead. What was judged goes to the server behind the next item's back, one
   deed after the other, so nobody waits for an answer; one that is refused brings its item back with what was said. */
import { t } from '@lingui/core/macro'
import { useQueryClient } from '@tanstack/react-query'
import { useCallback, useEffect, useRef, useState } from 'react'
import { problemOf, type Problem } from '../api/problem'
import type { Work } from '../api/types'
import type { Answers } from './answers'
import { judge, openNext, skip, undo } from './queries'

export type InHand = { work: Work; answers: Answers; comment: string }

const fresh = (work: Work): InHand => ({ work, answers: work.answers ?? {}, comment: work.comment ?? '' })

export function useJudging(name: string) {
  const requests = useQueryClient()
  /** null until the server has answered once. */
  const [items, setItems] = useState<InHand[] | null>(null)
  const [problem, setProblem] = useState<Problem | null>(null)
  const [said, setSaid] = useState('')
  const [numDone, setNumDone] = useState(0)
  /** Deeds that the server has not answered yet. */
  const [numSending, setSending] = useState(0)
  const last = useRef<Promise<unknown>>(Promise.resolve())
  const waiting = useRef(new Set<string>())

  /** Ask for what comes next; what is in hand keeps what was said of it so far. */
  const fill = useCallback(async () => {
    const opened = (await openNext(name)).filter(({ item_id }) => !waiting.current.has(item_id))
    setItems((before) => {
      const known = new Map((before ?? []).map((one) => [one.work.item_id, one]))
      const inHand = before?.[0]
      const rest = opened.filter(({ item_id }) => item_id !== inHand?.work.item_id).map((work) => known.get(work.item_id) ?? fresh(work))
      return inHand ? [inHand, ...rest] : rest
    })
  }, [name])

  const inTurn = useCallback(
    (deed: () => Promise<unknown>) => {
      setSending((before) => before + 1)
      last.current = last.current.then(async () => {
        let trouble: Problem | null = null
        // What was refused does not keep the next item from coming.
        for (const part of [deed, fill]) await part().catch((thrown: unknown) => (trouble ??= problemOf(thrown)))
        setProblem(trouble)
        setSending((before) => before - 1)
        await requests.invalidateQueries({ queryKey: ['queues'] })
      })
    },
    [fill, requests],
  )

  useEffect(() => inTurn(() => Promise.resolve()), [inTurn])

  /** Put the item in hand away and send a deed about it. */
  const putAway = (one: InHand, words: string, send: () => Promise<unknown>): void => {
    waiting.current.add(one.work.item_id)
    setItems((before) => (before ?? []).filter(({ work }) => work.item_id !== one.work.item_id))
    setSaid(words)
    inTurn(async () => {
      try {
        await send()
      } catch (thrown) {
        // An item that others were enough for is over; anything else comes back.
        if (problemOf(thrown).code !== 'queues.item_taken') setItems((before) => [one, ...(before ?? [])])
        throw thrown
      } finally {
        waiting.current.delete(one.work.item_id)
      }
    })
  }

  return {
    items, problem, said, setSaid, numDone,
    isSending: numSending > 0,
    again: () => inTurn(() => Promise.resolve()),
    change: (part: Partial<Pick<InHand, 'answers' | 'comment'>>) =>
      setItems((before) => (before ?? []).map((one, index) => (index === 0 ? { ...one, ...part } : one))),
    submit: (one: InHand, answers: Answers) =>
      putAway(one, t`Judged. The next one.`, async () => {
        await judge(name, one.work.item_id, answers, one.comment.trim())
        setNumDone((before) => before + 1)
      }),
    pass: (one: InHand) => putAway(one, t`Skipped. The next one.`, () => skip(name, one.work.item_id)),
    takeBack: () =>
      inTurn(async () => {
        const work = await undo(name)
        setItems((before) => [fresh(work), ...(before ?? []).filter((one) => one.work.item_id !== work.item_id)])
        if (work.answers != null) setNumDone((before) => Math.max(0, before - 1))
        setSaid(t`Taken back.`)
      }),
  }
}
