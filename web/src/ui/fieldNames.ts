/* What forms call the fields that they send, so that a box about two edits speaks as the form does. Pure. */
import { t } from '@lingui/core/macro'

/** What a form calls a field, and how it says a value of it, where that is not as the API says it. */
export type Called = string | { label: string; said: (value: string) => string }

/** By their place in what is sent, such as 'rule.above'; '*' is any one of a list. */
export type Names = Readonly<Record<string, Called>>

/** A field in the words of its form: 'Question 2: Name'. What the form has no word for stays as the API says it; null where nothing is known. */
export function calledBy(names: Names, field: string): { label: string | null; said: (value: string) => string } {
  const parts = field.split('.')
  const words: string[] = []
  let told = 0
  let said = (value: string): string => value
  parts.forEach((part, at) => {
    const called = names[parts.slice(0, at + 1).map((one) => (isPlace(one) ? '*' : one)).join('.')]
    if (called !== undefined) {
      words.push(typeof called === 'string' ? called : called.label)
      if (typeof called !== 'string') said = called.said
    } else if (isPlace(part) && told === at && words.length > 0) words.push(`${words.pop()} ${part}`)
    else return
    told = at + 1
  })
  if (told === 0) return { label: null, said }
  return { label: [...words, ...(told < parts.length ? [parts.slice(told).join('.')] : [])].join(': '), said }
}

/** A field that is a choice, in the words of what is offered. */
export function oneOf(label: string, offered: readonly { value: string; label: string }[] | Readonly<Record<string, string>>): Called {
  const words = Array.isArray(offered) ? Object.fromEntries((offered as readonly { value: string; label: string }[]).map((one) => [one.value, one.label])) : (offered as Readonly<Record<string, string>>)
  return { label, said: (value) => words[value] ?? value }
}

/** A field with a tick. */
export const ticked = (label: string): Called => oneOf(label, { true: t`yes`, false: t`no` })

/** A share that the form asks in per cent. */
export const inPercent = (label: string): Called => ({ label, said: (value) => `${Number((100 * Number(value)).toPrecision(6))} %` })

const isPlace = (part: string): boolean => /^\d+$/.test(part)
