/* A field for words: Markdown, with names to choose from behind an '@'. Who was asked for and is not there is said afterwards. */
import { t } from '@lingui/core/macro'
import { Button, Textarea } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useId, useRef, useState, type FormEvent, type KeyboardEvent } from 'react'
import { problemOf, type Problem } from '../api/problem'
import { ProblemState } from '../ui/states'
import { put, typingAt, type Typing } from './caret'
import styles from './Comments.module.css'
import { peopleQuery } from './queries'

const MOST = 10_000

type SayProps = {
  label: string
  button: string
  said: string
  setSaid: (said: string) => void
  /** Null: it was not taken, and its sender says why. */
  send: (said: string) => Promise<{ unknown_mentions: string[] } | null>
  cancel?: () => void
  autoFocus?: boolean
  /** The words stay in the field after they were sent. */
  keeps?: boolean
}

export function Say({ label, button, said, setSaid, send, cancel, autoFocus = false, keeps = false }: SayProps) {
  const [problem, setProblem] = useState<Problem | null>(null)
  const [isBusy, setBusy] = useState(false)
  const [unknown, setUnknown] = useState<string[]>([])
  const field = useRef<HTMLTextAreaElement>(null)
  const names = useNames(said, setSaid, field)
  const submit = async (event?: FormEvent): Promise<void> => {
    event?.preventDefault()
    if (said.trim() === '' || isBusy) return
    setBusy(true)
    setProblem(null)
    setUnknown([])
    try {
      const kept = await send(said.trim())
      if (kept !== null) {
        setUnknown(kept.unknown_mentions)
        if (!keeps) setSaid('')
      }
    } catch (thrown) {
      setProblem(problemOf(thrown))
    } finally {
      setBusy(false)
    }
  }
  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>): void => {
    if (names.onKey(event)) return
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault()
      void submit()
    }
  }
  return (
    <form onSubmit={(event) => void submit(event)} className={styles.say}>
      <Textarea
        label={label}
        ref={field}
        autosize
        minRows={2}
        maxRows={12}
        maxLength={MOST}
        value={said}
        data-autofocus={autoFocus || undefined}
        autoFocus={autoFocus}
        aria-autocomplete="list"
        aria-controls={names.isOpen ? names.listId : undefined}
        aria-activedescendant={names.isOpen ? names.optionId(names.at) : undefined}
        onChange={(event) => {
          setSaid(event.currentTarget.value)
          names.look(event.currentTarget)
        }}
        onSelect={(event) => names.look(event.currentTarget)}
        onBlur={names.close}
        onKeyDown={onKeyDown}
      />
      {names.list}
      {unknown.length > 0 && <p role="status" className={styles.unknown}>{t`Nobody here is called ${unknown.join(', ')}, so nobody was told.`}</p>}
      {problem && <ProblemState problem={problem} />}
      <div className="row">
        <Button type="submit" size="xs" loading={isBusy} disabled={said.trim() === ''}>{button}</Button>
        {cancel && <Button size="xs" variant="default" onClick={cancel}>{t`Cancel`}</Button>}
      </div>
    </form>
  )
}

/** The names that fit what is typed behind an '@', chosen by arrows and Enter, or by the pointer. */
function useNames(said: string, setSaid: (said: string) => void, field: React.RefObject<HTMLTextAreaElement | null>) {
  const [typing, setTyping] = useState<Typing | null>(null)
  const [at, setAt] = useState(0)
  const listId = useId()
  const { data } = useQuery({ ...peopleQuery(typing?.said ?? ''), enabled: typing !== null })
  const people = typing === null ? [] : (data?.items ?? [])
  const chosen = Math.min(at, Math.max(people.length - 1, 0))
  const isOpen = people.length > 0
  const optionId = (index: number): string => `${listId}-${index}`
  const choose = (index: number): void => {
    const person = people[index]
    if (person === undefined || typing === null) return
    const { text, caret } = put(said, typing, person.mention)
    setSaid(text)
    setTyping(null)
    // After the words are in the field.
    window.requestAnimationFrame(() => {
      field.current?.focus()
      field.current?.setSelectionRange(caret, caret)
    })
  }
  const onKey = (event: KeyboardEvent): boolean => {
    if (!isOpen) return false
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step !== undefined) setAt((chosen + step + people.length) % people.length)
    else if (event.key === 'Enter' || event.key === 'Tab') choose(chosen)
    else if (event.key === 'Escape') setTyping(null)
    else return false
    event.preventDefault()
    event.stopPropagation()
    return true
  }
  const list = isOpen && (
    <ul id={listId} role="listbox" aria-label={t`People`} className={styles.names}>
      {people.map((person, index) => (
        // The field keeps the focus, so the pointer must not take it.
        <li key={person.name} id={optionId(index)} role="option" aria-selected={index === chosen} onMouseDown={(event) => event.preventDefault()} onClick={() => choose(index)}>
          {person.name}
        </li>
      ))}
    </ul>
  )
  return {
    isOpen, listId, at: chosen, optionId, list, onKey,
    close: (): void => setTyping(null),
    look: (from: HTMLTextAreaElement): void => {
      const found = typingAt(from.value, from.selectionStart)
      if (found?.said !== typing?.said) setAt(0)
      setTyping(found)
    },
  }
}
