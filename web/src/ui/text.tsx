/* Text and values from outside: models, people, files. Shown as they are and never as markup; long ones fold. */
import { t } from '@lingui/core/macro'
import { useState } from 'react'
import { count } from '../format/numbers'
import { CopyButton } from './CommandLine'
import styles from './text.module.css'

const FOLD_AT = 1200

/** Untrusted text with its line breaks and its own reading direction. */
export function Untrusted({ text, fold = FOLD_AT }: { text: string; fold?: number }) {
  const [open, setOpen] = useState(false)
  const folds = text.length > fold
  return (
    <>
      <span className="untrusted" dir="auto">{folds && !open ? `${text.slice(0, fold)}…` : text}</span>
      {folds && (
        <button type="button" className={styles.fold} aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? t`Show less` : t`Show all ${count(text.length)} characters`}
        </button>
      )}
    </>
  )
}

/** Any JSON value, indented, with a way to copy it. */
export function Json({ value, label }: { value: unknown; label: string }) {
  const text = JSON.stringify(value, null, 2) ?? 'null'
  return (
    <div className={styles.json}>
      <div className={styles.copy}><CopyButton text={text} what={label} /></div>
      <pre tabIndex={0} aria-label={t`${label} as JSON`} role="region">{text}</pre>
    </div>
  )
}

/** A value of unknown kind in a table cell: text as text, anything else as short JSON. */
export function Value({ value }: { value: unknown }) {
  if (value == null) return <span className="dim">{t`none`}</span>
  if (typeof value === 'string') return <Untrusted text={value} fold={240} />
  if (typeof value === 'number' || typeof value === 'boolean') return <>{String(value)}</>
  return <code>{short(JSON.stringify(value))}</code>
}

function short(text: string): string {
  return text.length > 160 ? `${text.slice(0, 160)}…` : text
}
