/* Asks once more before something that others will notice, says what happens, and shows the command that does the same. */
import { t } from '@lingui/core/macro'
import { Button } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useState, type FormEvent, type ReactNode } from 'react'
import { problemOf, type Problem } from '../api/problem'
import { CommandLine } from './CommandLine'
import { FormModal } from './FormModal'
import { ProblemState } from './states'

type ConfirmProps = {
  title: string
  words: ReactNode
  command?: string
  confirm: string
  danger?: boolean
  /** Inputs above the buttons. */
  fields?: ReactNode
  disabled?: boolean
  run: () => Promise<unknown>
  children: (open: () => void) => ReactNode
}

export function Confirm({ title, words, command, confirm, danger = false, fields, disabled = false, run, children }: ConfirmProps) {
  const [opened, { open, close }] = useDisclosure(false)
  const [problem, setProblem] = useState<Problem | null>(null)
  const [busy, setBusy] = useState(false)

  const begin = (): void => {
    // What went wrong the last time says nothing of this time.
    setProblem(null)
    open()
  }
  const go = async (event: FormEvent): Promise<void> => {
    event.preventDefault()
    // React tells the form that this stands in, too.
    event.stopPropagation()
    setBusy(true)
    setProblem(null)
    try {
      await run()
      close()
    } catch (thrown) {
      setProblem(problemOf(thrown))
    } finally {
      setBusy(false)
    }
  }

  return (
    <>
      {children(begin)}
      <FormModal opened={opened} close={close} title={title}>
        <form className="stack-tight" onSubmit={(event) => void go(event)} noValidate>
          <p>{words}</p>
          {fields}
          {command && <CommandLine command={command} />}
          {problem && <ProblemState problem={problem} deed />}
          <div className="row" data-aside>
            <Button type="submit" loading={busy} disabled={disabled} color={danger ? 'red' : undefined}>{confirm}</Button>
            <Button variant="default" onClick={close}>{t`Cancel`}</Button>
          </div>
        </form>
      </FormModal>
    </>
  )
}
