/* What a judge looks at: what was asked, and one answer or two side by side. Where they came from is not said, so that it does
   not decide. */
import { t } from '@lingui/core/macro'
import type { Work } from '../api/types'
import { Json, Untrusted } from '../ui/text'
import styles from './Judge.module.css'

type Side = Work['a']

export function Sides({ work }: { work: Work }) {
  const { a, b } = work
  if (b == null)
    return (
      <div className={styles.sides}>
        <Given side={a} />
        <Output side={a} title={t`Answer`} />
      </div>
    )
  const same = JSON.stringify(a.variables) === JSON.stringify(b.variables)
  return (
    <div className={styles.sides}>
      {same && <Given side={a} />}
      <div className={styles.pair}>
        {([['A', a], ['B', b]] as const).map(([name, side]) => (
          <div key={name} className={styles.sides}>
            {!same && <Given side={side} />}
            <Output side={side} title={name} />
          </div>
        ))}
      </div>
    </div>
  )
}

function Given({ side }: { side: Side }) {
  const entries = Object.entries(side.variables)
  if (entries.length === 0) return <p className="dim">{t`What was asked is not kept.`}</p>
  return (
    <>
      {entries.map(([name, value]) => (
        <section key={name} className={styles.text} aria-label={entries.length === 1 && name === 'input' ? t`Question` : name}>
          <h2>{name === 'input' ? t`Question` : name}</h2>
          {typeof value === 'string' ? <Untrusted text={value} fold={3000} /> : <Json value={value} label={name} />}
        </section>
      ))}
    </>
  )
}

function Output({ side, title }: { side: Side; title: string }) {
  return (
    <section className={styles.text} data-output="true" aria-label={title === 'Answer' ? title : t`Answer ${title}`}>
      <h2>{title}</h2>
      {side.error_message && <p role="note"><strong>{t`The request failed:`}</strong> <span className="untrusted">{side.error_message}</span></p>}
      {side.output_text === '' ? <span className="dim">{t`There was no answer.`}</span> : <Untrusted text={side.output_text} fold={6000} />}
    </section>
  )
}
