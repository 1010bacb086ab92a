/* The command that does the same as the page, ready to copy. Says aloud that it was copied. */
import { t } from '@lingui/core/macro'
import { useClipboard } from '@mantine/hooks'
import { CopyIcon, TickIcon } from './icons'
import styles from './CommandLine.module.css'

export function CommandLine({ command, label = t`Same from the command line` }: { command: string; label?: string }) {
  return (
    <div className={styles.line} role="group" aria-label={label}>
      <span className={styles.prompt} aria-hidden="true">$</span>
      <code className={styles.code}>{command}</code>
      <CopyButton text={command} what={t`command`} />
    </div>
  )
}

export function CopyButton({ text, what }: { text: string; what: string }) {
  const clipboard = useClipboard({ timeout: 1500 })
  return (
    <button type="button" className={styles.copy} data-aside onClick={() => clipboard.copy(text)} aria-label={t`Copy ${what}`} title={t`Copy ${what}`}>
      {clipboard.copied ? <TickIcon size={14} /> : <CopyIcon size={14} />}
      <span className="hidden-visually" role="status">{clipboard.copied ? t`Copied` : ''}</span>
    </button>
  )
}

/** A long id, shortened for the eye and whole for the clipboard and the tooltip. */
export function Id({ value }: { value: string }) {
  return (
    <span className={styles.id} title={value}>
      <code>{shorten(value.replace(/^sha256:/, ''))}</code>
      <CopyButton text={value} what={t`id ${value}`} />
    </span>
  )
}

function shorten(value: string): string {
  return value.length > 16 ? `${value.slice(0, 8)}…${value.slice(-4)}` : value
}
