/* A dialog with something to fill in. Once something was typed, a click beside it does nothing, and Esc or the cross ask first. */
import { t } from '@lingui/core/macro'
import { Button, Modal } from '@mantine/core'
import { useEffect, useRef, useState, type MouseEvent, type ReactNode } from 'react'

type FormModalProps = {
  title: string
  opened: boolean
  close: () => void
  size?: string
  /** What it shows is shown this once: nothing but its own button and the cross close it. */
  once?: boolean
  /** What was typed is done or on its way: nothing is lost by closing. */
  isSafe?: boolean
  children: ReactNode
}

export function FormModal({ title, opened, close, size = 'md', once = false, isSafe = false, children }: FormModalProps) {
  const [typed, setTyped] = useState(false)
  const [asks, setAsks] = useState(false)
  useEffect(() => {
    setTyped(false)
    setAsks(false)
  }, [opened])
  // Where one was before it asked.
  const last = useRef<HTMLElement>(null)
  const goOn = (): void => {
    setAsks(false)
    last.current?.focus()
  }
  const leave = (): void => {
    if (once || isSafe || !typed) close()
    else if (asks) goOn()
    else setAsks(true)
  }
  const touch = (): void => {
    setTyped(true)
    setAsks(false)
  }
  // A step of a number, an option chosen, a question taken away: no input tells of them. What is marked as aside changes nothing.
  const click = (event: MouseEvent): void => {
    const button = event.target instanceof Element ? event.target.closest('button, [role=option]') : null
    if (button && button.closest('[data-aside]') === null) touch()
  }
  return (
    <Modal
      opened={opened}
      onClose={leave}
      closeOnClickOutside={!once && (isSafe || !typed)}
      closeOnEscape={!once}
      title={title}
      size={size}
      centered
      closeButtonProps={{ 'aria-label': t`Close` }}
    >
      {asks && !isSafe && (
        <div className="row" role="alert" style={{ marginBlockEnd: '0.75rem' }}>
          <p>{t`Leave what you wrote here?`}</p>
          <Button size="xs" variant="default" onClick={close}>{t`Throw it away`}</Button>
          <Button size="xs" variant="default" onClick={goOn} autoFocus>{t`Go on`}</Button>
        </div>
      )}
      <div onFocus={(event) => (last.current = event.target)} onInput={touch} onChange={touch} onClick={click}>{children}</div>
    </Modal>
  )
}
