/* Messages as a chat. All of it is untrusted text: shown as text. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Json, Untrusted } from '../ui/text'
import styles from './Chat.module.css'
import { messagesOf } from './messages'

type ChatProps = {
  input: unknown
  output?: unknown
  /** What was given is shown beside this, so its absence here is not told. */
  inputIsElsewhere?: boolean
  /** Whether a model answers; what a retriever or a tool gives is its output and not said by an assistant. */
  isSpoken?: boolean
}

/** Where there is an answer it is a talk: who asks stands at the end, who answers at the beginning. */
export function Chat({ input, output, inputIsElsewhere = false, isSpoken = true }: ChatProps) {
  const isSilent = input == null && output === null && !inputIsElsewhere
  return (
    <div className={styles.chat} data-talk={output !== undefined || undefined}>
      {isSilent ? (
        <p className="dim">{t`This step told neither input nor output.`}</p>
      ) : (
        <>
          {!(inputIsElsewhere && input == null) && <Side value={input} label={t`input`} isSpoken={isSpoken} />}
          {output !== undefined && <Side value={output} label={t`output`} isSpoken={isSpoken} />}
        </>
      )}
    </div>
  )
}

function Side({ value, label, isSpoken }: { value: unknown; label: string; isSpoken: boolean }) {
  const messages = messagesOf(value)
  if (messages === null) return value == null ? <p className="dim">{t`No ${label} was told.`}</p> : <Json value={value} label={label} />
  return (
    <>
      {messages.map((message, index) => (
        <div key={index} className={styles.message} data-role={message.role} data-side={label}>
          <div className={styles.role}>{message.role === 'text' || (!isSpoken && message.role === 'assistant') ? label : message.role}</div>
          {message.text ? <Untrusted text={message.text} /> : message.toolCalls.length === 0 && <span className="dim">{t`empty`}</span>}
          {message.toolCalls.map((call, at) => (
            <div key={at} className={styles.call}><Trans>calls <code>{call.name}({call.arguments})</code></Trans></div>
          ))}
        </div>
      ))}
    </>
  )
}
