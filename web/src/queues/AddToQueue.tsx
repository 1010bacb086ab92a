/* Putting answers before people to judge: each by itself, or two side by side. Of one item the right answer may be known, and it may be
   for one person. */
import { plural, t } from '@lingui/core/macro'
import { Plural, Trans } from '@lingui/react/macro'
import { Button, Checkbox, NativeSelect } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { problemOf } from '../api/problem'
import type { Queue } from '../api/types'
import { sh } from '../format/shell'
import { actorsQuery, useMay } from '../governance/queries'
import { Dialog } from '../ui/Dialog'
import { byName, NamePick } from '../ui/NamePick'
import { asked, given, type Answers } from './answers'
import { Asked } from './Asked'
import { queueQuery, queuesFound, queuesQuery, useAddItems } from './queries'

/** A command names so many traces at most; of more it shows the shape. */
const NAMED = 3

export function AddToQueue({ traceIds }: { traceIds: readonly string[] }) {
  const [opened, { open, close }] = useDisclosure(false)
  return (
    <>
      <Button size="xs" variant="default" onClick={open}>{t`Add to a queue`}</Button>
      {opened && <Form traceIds={traceIds} close={close} />}
    </>
  )
}

/** Two answers that people tell the better of. */
export function CompareInQueue({ traceId, otherId }: { traceId: string; otherId: string }) {
  const [opened, { open, close }] = useDisclosure(false)
  return (
    <>
      <Button size="xs" variant="default" onClick={open}>{t`Compare in a queue`}</Button>
      {opened && <Form traceIds={[traceId]} otherId={otherId} close={close} />}
    </>
  )
}

function Form({ traceIds, otherId, close }: { traceIds: readonly string[]; otherId?: string; close: () => void }) {
  const [name, setName] = useState('')
  const [isKnown, setKnown] = useState(false)
  const [answers, setAnswers] = useState<Answers>({})
  const [actorId, setActorId] = useState('')
  const mode = otherId === undefined ? 'single' : 'pairwise'
  const actors = useQuery({ ...actorsQuery, enabled: useMay('access.read') })
  const choiceOf = (queue: Queue) => ((queue.mode ?? 'single') === mode ? byName(queue) : null)
  const queues = useInfiniteQuery(queuesQuery)
  const first = queues.data?.pages.flatMap((page) => page.items).find((queue) => choiceOf(queue) !== null)?.name
  // The first is proposed once: a queue that others make meanwhile does not take its place.
  const isFound = first !== undefined
  useEffect(() => setName((chosen) => chosen || (first ?? '')), [isFound])
  const { data: queue, error } = useQuery({ ...queueQuery(name), enabled: name !== '' })
  const add = useAddItems(name)
  const gold = isKnown && traceIds.length === 1 ? given(answers) : null
  const items = traceIds.map((trace_id) => ({ trace_id, priority: 0, ...(otherId !== undefined && { other_trace_id: otherId }), ...(gold && { gold }), ...(actorId !== '' && { assigned_to: actorId }) }))
  const command = sh`treadle queue add ${name || 'QUEUE'}` + named(traceIds) + (otherId === undefined ? '' : sh` --against ${otherId}`) + (gold ? sh` --gold ${JSON.stringify(gold)}` : '') + (actorId === '' ? '' : sh` --for ${actorId}`)
  return (
    <Dialog
      title={otherId === undefined ? t`Add ${plural(traceIds.length, { one: '# answer', other: '# answers' })} to a queue` : t`Compare two answers in a queue`}
      opened
      close={close}
      confirm={t`Add`}
      disabled={name === '' || (gold !== null && Object.keys(gold).length === 0)}
      run={() => add.mutateAsync(items)}
      command={command}
      shown={[]}
      stays
      done={
        add.data && (
          <p>
            {otherId === undefined ? (
              <Trans><Plural value={add.data.num_added} one="# answer is" other="# answers are" /> new in <Link to="/queues/$name" params={{ name }} onClick={close}>{name}</Link></Trans>
            ) : (
              <Trans><Plural value={add.data.num_added} one="# pair is" other="# pairs are" /> new in <Link to="/queues/$name" params={{ name }} onClick={close}>{name}</Link></Trans>
            )}
            {add.data.num_known > 0 && `; ${plural(add.data.num_known, { one: '# was there already', other: '# were there already' })}`}.
          </p>
        )
      }
    >
      {() =>
        queues.data !== undefined && !isFound && !queues.hasNextPage ? (
          <p>{mode === 'pairwise' ? <Trans>There is no queue of pairs yet: <Link to="/queues" search={{}} onClick={close}>make one</Link> that shows two side by side.</Trans> : <Trans>There is no queue of single answers yet: <Link to="/queues" search={{}} onClick={close}>make one</Link>.</Trans>}</p>
        ) : (
          <>
            <NamePick label={t`Queue`} found={queuesFound} choiceOf={choiceOf} value={name} onChange={(chosen) => (setName(chosen), setAnswers({}))} error={error ? problemOf(error).detail : undefined} />
            {actors.data && actors.data.length > 1 && <NativeSelect label={t`For`} value={actorId} onChange={(event) => setActorId(event.currentTarget.value)} data={[{ value: '', label: t`Anybody` }, ...actors.data.map((one) => ({ value: one.actor_id, label: one.name }))]} />}
            {queue && traceIds.length === 1 && <Checkbox label={t`The right answer is known`} description={t`Judges do not see it: how often they find it tells how far they can be trusted`} checked={isKnown} onChange={(event) => setKnown(event.currentTarget.checked)} />}
            {isKnown && otherId !== undefined && <p className="dim"><Trans>A is <code>…{traceIds[0]?.slice(-8)}</code>, B is <code>…{otherId.slice(-8)}</code>, whatever is shown first.</Trans></p>}
            {queue && isKnown && traceIds.length === 1 && <Known queue={queue} answers={answers} set={setAnswers} />}
          </>
        )
      }
    </Dialog>
  )
}

/** The queue's own questions; what is left open is not known. */
function Known({ queue, answers, set }: { queue: Queue; answers: Answers; set: (answers: Answers) => void }) {
  return (
    <>
      {asked(queue).filter(({ kind }) => kind !== 'text' && kind !== 'correction').map((question, index) => (
        <Asked key={question.name} question={question} index={index} answer={answers[question.name]} isActive={false} isMissing={false} showKeys={false} onAnswer={(value) => set({ ...answers, [question.name]: value })} onActive={() => {}} />
      ))}
    </>
  )
}

function named(traceIds: readonly string[]): string {
  return traceIds.slice(0, NAMED).map((id) => sh` ${id}`).join('') + (traceIds.length > NAMED ? ' …' : '')
}
