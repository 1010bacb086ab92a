/* The Python that does the same as the page, folded until somebody wants it. */
import { t } from '@lingui/core/macro'
import { CopyButton } from './CommandLine'
import styles from './CommandLine.module.css'

/** `body`: lines that use `client`. */
export function Snippet({ body, label = t`Same from Python` }: { body: string; label?: string }) {
  const text = pythonOf(body, window.location.origin)
  return (
    <details className={styles.snippet}>
      <summary>{label}</summary>
      <div className={styles.python}>
        <pre tabIndex={0} role="region" aria-label={label}>{text}</pre>
        <CopyButton text={text} what={t`Python`} />
      </div>
    </details>
  )
}

/** A whole program around lines that use `client`. */
export function pythonOf(body: string, url: string): string {
  const lines = body.split('\n').map((line) => `    ${line}`.trimEnd())
  return ['from treadle.client.client import Client', '', `with Client(${JSON.stringify(url)}, api_key="tdl_…") as client:`, ...lines].join('\n')
}
