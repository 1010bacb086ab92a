/* Two people changed one thing: what it was, what the other made of it, and what is written here. Nothing is lost until one decides. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useId, useRef, useState } from 'react'
import { problemOf, type Problem } from '../api/problem'
import { meQuery } from '../governance/queries'
import { DataTable } from './DataTable'
import { CHANGED, differences, REMOVED, type Theirs } from './editing'
import { calledBy, type Names } from './fieldNames'
import { WarnIcon } from './icons'
import { ProblemState } from './states'
import { When } from './When'

type ConflictProps = { theirs: Theirs; before: object; mine: object; names: Names; take: () => void; overwrite: () => Promise<void>; goOn: () => void }

export function Conflict({ theirs, before, mine, names, take, overwrite, goOn }: ConflictProps) {
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | null>(null)
  const box = useRef<HTMLDivElement>(null)
  const head = useRef<HTMLHeadingElement>(null)
  // The form may be long: whoever has just sent it is brought to what came of it.
  useEffect(() => {
    head.current?.focus({ preventScroll: true })
    box.current?.scrollIntoView({ block: 'nearest' })
  }, [theirs])
  // The button that was pressed goes with the box: whoever stood in it goes on at the form's own.
  useEffect(() => {
    const form = box.current?.closest('form')
    return () => {
      if (document.activeElement === document.body) form?.querySelector<HTMLElement>('button[type=submit]')?.focus()
    }
  }, [])
  const me = useQuery(meQuery).data?.actor.actor_id
  const title = useId()
  const isGone = theirs.revision === null
  const rows = isGone ? [] : differences(before, theirs.now, mine)
  const who = isGone ? t`Somebody removed this in between` : theirs.byId !== null && theirs.byId === me ? t`You changed this in another window` : theirs.by !== null ? t`${theirs.by} changed this in between` : t`This was changed in between`
  const go = async (): Promise<void> => {
    setBusy(true)
    setProblem(null)
    try {
      await overwrite()
    } catch (thrown) {
      setProblem(problemOf(thrown))
    } finally {
      setBusy(false)
    }
  }
  return (
    <div className="stack-tight" role="group" aria-labelledby={title} ref={box} data-problem={isGone ? REMOVED : CHANGED}>
      <div className="stack-tight" role="alert">
        <h3 ref={head} tabIndex={-1}><WarnIcon /> <span id={title}>{who}</span>{theirs.at !== null && <span className="dim">, <When at={theirs.at} /></span>}</h3>
        <p>
          {isGone || rows.length === 0 ? t`What you wrote is still here.` : t`What you wrote is still here, and not saved yet. This is where it differs:`}
        </p>
      </div>
      {rows.length > 0 && (
        <DataTable
          caption={t`Where the two differ`}
          rows={rows}
          rowKey={(row) => row.field}
          columns={[
            { head: t`Field`, cell: ({ field }) => calledBy(names, field).label ?? <code>{field}</code> },
            { head: t`Before`, cell: ({ field, before: was }) => <Said text={was} said={calledBy(names, field).said} /> },
            { head: t`Now`, cell: ({ field, theirs: now }) => <Said text={now} said={calledBy(names, field).said} /> },
            { head: t`Yours`, cell: ({ field, mine: wanted }) => <Said text={wanted} said={calledBy(names, field).said} /> },
          ]}
        />
      )}
      {problem && <ProblemState problem={problem} deed />}
      <div className="row">
        {!isGone && <Button variant="default" onClick={take}>{t`Take theirs`}</Button>}
        <Button variant="default" loading={busy} onClick={() => void go()}>{isGone ? <Trans>Make it anew</Trans> : <Trans>Overwrite with mine</Trans>}</Button>
        <Button variant="default" onClick={goOn}>{t`Go on editing`}</Button>
      </div>
    </div>
  )
}

/** A column of texts is wide; what is shorter than this needs none. */
const SHORT = 20

function Said({ text, said }: { text: string; said: (value: string) => string }) {
  return text === '' ? <span className="dim">{t`nothing`}</span> : <span dir="auto" className={text.length > SHORT ? 'untrusted' : undefined}>{said(text)}</span>
}
