/* A form over the page: what it asks, the command that does the same, what the server said against it, and where it left off. */
import { t } from '@lingui/core/macro'
import { Button } from '@mantine/core'
import { useEffect, useState, type FormEvent, type ReactNode } from 'react'
import { isWithin, problemOf, type Problem } from '../api/problem'
import { CommandLine } from './CommandLine'
import { FormModal } from './FormModal'
import { ProblemState } from './states'
import { useHeld, type Edit, type Send } from './useHeld'

type DialogProps<T extends object, Mine extends object> = {
  title: string
  opened: boolean
  close: () => void
  /** The button that does it. */
  confirm: string
  /** Given the condition to send along where it changes or makes something that others edit, too. */
  run: Send<Mine>
  /** What it changes; without it something is made. */
  edit?: Edit<T, Mine> | undefined
  words?: ReactNode
  command?: string
  /** Names of the fields that show their own faults; other faults stand above the buttons. */
  shown?: readonly string[]
  disabled?: boolean
  size?: string
  children: (faults: Faults) => ReactNode
  /** Shown in place of the form once it is done, where `stays`; else the dialog closes. */
  done?: ReactNode
  stays?: boolean
  /** What is shown then cannot be shown again. */
  isSecret?: boolean
}

/** What the server said against a field, by its name; undefined where it said nothing. */
export type Faults = (field: string) => string | undefined

export function Dialog<T extends object, Mine extends object>({ title, opened, close, confirm, run, edit, words, command, shown = [], disabled = false, size = 'md', children, done, stays = false, isSecret = false }: DialogProps<T, Mine>) {
  const [problem, setProblem] = useState<Problem | null>(null)
  const [busy, setBusy] = useState(false)
  const [isDone, setDone] = useState(false)
  const held = useHeld(edit, opened)
  const end = (): void => (stays ? setDone(true) : close())
  // It begins anew each time, also where it was closed before the answer came.
  useEffect(() => {
    if (!opened) return
    setProblem(null)
    setDone(false)
  }, [opened])
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault()
    setBusy(true)
    setProblem(null)
    try {
      if (await held.save(run)) end()
    } catch (thrown) {
      setProblem(problemOf(thrown))
    } finally {
      setBusy(false)
    }
  }
  const faults: Faults = (field) => problem?.faultOf(field)
  const told = problem !== null && (problem.faults.length === 0 || problem.faults.some((fault) => !shown.some((field) => isWithin(fault.field, field))))
  return (
    <FormModal opened={opened} close={close} title={title} size={size} once={isDone && isSecret} isSafe={isDone}>
      {isDone ? (
        <div className="stack-tight">
          {done}
          <div><Button onClick={close}>{t`Close`}</Button></div>
        </div>
      ) : (
        <form onSubmit={(event) => void submit(event)} noValidate>
          <div className="stack-tight">
            {words && <p>{words}</p>}
            {children(faults)}
            {command && <CommandLine command={command} />}
            {told && <ProblemState problem={problem} deed />}
            {held.box(run, end)}
            {!held.isHeld && <div className="row" data-aside>
              <Button type="submit" loading={busy} disabled={disabled}>{confirm}</Button>
              <Button variant="default" onClick={close}>{t`Cancel`}</Button>
            </div>}
          </div>
        </form>
      )}
    </FormModal>
  )
}
