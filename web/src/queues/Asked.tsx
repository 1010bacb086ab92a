/* One question with its choices, each with the digit that chooses it; or a place for words or a number. */
import { t } from '@lingui/core/macro'
import { NumberInput, Textarea } from '@mantine/core'
import type { Question } from '../api/types'
import { choicesOf, digitsOf, type Answer } from './answers'
import styles from './Judge.module.css'

type AskedProps = {
  question: Question
  index: number
  answer: Answer | undefined
  isActive: boolean
  isMissing: boolean
  showKeys: boolean
  onAnswer: (value: Answer) => void
  onActive: () => void
}

export function Asked({ question, index, answer, isActive, isMissing, showKeys, onAnswer, onActive }: AskedProps) {
  const choices = choicesOf(question)
  const label = question.question || question.name.replaceAll('_', ' ')
  const optional = question.is_required ? null : <span className="dim"> {t`(optional)`}</span>
  const wrong = isMissing ? t`This must be answered` : null
  if (choices === null)
    return (
      <div className={styles.asked} data-active={isActive || undefined} data-question={index} onFocus={onActive}>
        {question.kind === 'number' ? (
          <NumberInput
            label={<>{label}{optional}</>} description={question.help || rangeOf(question)} error={wrong} size="sm" maw={220}
            min={question.low ?? undefined} max={question.high ?? undefined} step={question.step ?? undefined}
            value={typeof answer === 'number' ? answer : ''} onChange={(value) => onAnswer(typeof value === 'number' ? value : '')}
          />
        ) : (
          <Textarea
            label={<>{label}{optional}</>} description={question.help || undefined} error={wrong} size="sm" autosize minRows={2} maxRows={8}
            value={typeof answer === 'string' ? answer : ''} onChange={(event) => onAnswer(event.currentTarget.value)}
          />
        )}
      </div>
    )
  const digits = digitsOf(choices)
  return (
    <fieldset className={styles.asked} data-active={isActive || undefined} data-question={index} onFocus={onActive}>
      <legend>{label}{optional}</legend>
      {question.help && <p className="dim">{question.help}</p>}
      <div className={styles.choices} data-short={choices.every((choice) => choice.label.length <= 3) || undefined}>
        {choices.map((choice, at) => (
          <label key={String(choice.value)} className={styles.choice} title={choice.help}>
            <input type="radio" name={question.name} checked={answer === choice.value} onChange={() => onAnswer(choice.value)} />
            <span className={styles.word}>{choice.label}</span>
            {showKeys && digits[at] != null && digits[at] !== choice.label && <kbd aria-hidden="true">{digits[at]}</kbd>}
          </label>
        ))}
      </div>
      {wrong && <p className={styles.wrong} role="alert">{wrong}</p>}
    </fieldset>
  )
}

function rangeOf({ low, high }: Question): string | undefined {
  return low == null || high == null ? undefined : t`From ${low} to ${high}`
}
