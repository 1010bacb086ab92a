/* Markdown from outside, such as a model card. Raw HTML is shown as text, images become their description (nothing is fetched),
   and links leave in a new tab without telling where they came from. */
import { t } from '@lingui/core/macro'
import ReactMarkdown from 'react-markdown'
import remarkGfm from 'remark-gfm'
import styles from './Markdown.module.css'

export default function Markdown({ text }: { text: string }) {
  return (
    <div className={styles.markdown} dir="auto">
      <ReactMarkdown
        remarkPlugins={[remarkGfm]}
        components={{
          // A link to a scheme that could run something has lost its address by now: it stays as text.
          a: ({ href, children }) =>
            href ? <a href={href} target="_blank" rel="noopener noreferrer nofollow">{children}</a> : <span>{children}</span>,
          img: ({ alt }) => <span className="dim">{t`[image: ${alt || t`no description`}]`}</span>,
          // The page has its own h1 and h2.
          h1: ({ children }) => <h3>{children}</h3>,
          h2: ({ children }) => <h3>{children}</h3>,
          h3: ({ children }) => <h4>{children}</h4>,
          table: ({ children }) => <div className={styles.table} role="region" tabIndex={0} aria-label={t`Table`}><table>{children}</table></div>,
          pre: ({ children }) => <pre tabIndex={0}>{children}</pre>,
        }}
      >
        {text}
      </ReactMarkdown>
    </div>
  )
}
