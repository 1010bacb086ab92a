/* Chooses one of many by name. While all of them stand on the first page they are a plain list; of more than that, what is typed is
   looked for on the server, so that the thousandth can be chosen, too. What is chosen already is shown whether it was found or not. */
import { t } from '@lingui/core/macro'
import { NativeSelect, Select } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { keepPreviousData, useInfiniteQuery, type InfiniteData, type UseInfiniteQueryOptions } from '@tanstack/react-query'
import { useEffect, useLayoutEffect, useRef, useState, type CSSProperties, type ReactNode } from 'react'
import { problemOf } from '../api/problem'
import type { PageOf } from './More'

const WAIT_MS = 150

type Choice = { value: string; label: string }

type NamePickProps<Row> = {
  label: string
  description?: ReactNode
  /** The list that is chosen from, such as `datasetsFound`. */
  // The key of a query may be of any shape.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  found: (filter: { q?: string | undefined }) => UseInfiniteQueryOptions<PageOf<Row>, Error, InfiniteData<PageOf<Row>>, any, string | undefined>
  /** What a row is chosen as, and what people call it; null leaves it out. */
  choiceOf: (row: Row) => Choice | null
  /** What is chosen; '' for nothing. */
  value: string
  onChange: (value: string) => void
  /** What choosing nothing means. */
  none?: string
  /** What people call what is chosen, where the list may not have it. */
  called?: string | null
  error?: ReactNode
  size?: string
  style?: CSSProperties
  enabled?: boolean
  'data-autofocus'?: boolean
}

export function NamePick<Row>({ found, choiceOf, value, onChange, none = t`Choose one`, called = null, enabled = true, error, ...shown }: NamePickProps<Row>) {
  const [typed, setTyped] = useState('')
  const [chosen, setChosen] = useState<Choice | null>(null)
  const [settled] = useDebouncedValue(typed.trim(), WAIT_MS)
  const first = useInfiniteQuery({ ...found({}), enabled })
  const isLong = first.hasNextPage || (first.data?.pages.length ?? 0) > 1
  const label = choicesOf(first.data, choiceOf).find((choice) => choice.value === value)?.label ?? (chosen?.value === value ? chosen.label : null) ?? called ?? value
  // What is chosen stands in the field, and is nothing that was typed.
  const wanted = settled === label ? '' : settled
  const searched = useInfiniteQuery({ ...found({ q: wanted }), enabled: enabled && isLong && wanted !== '', placeholderData: keepPreviousData })
  const asked = wanted === '' ? first : searched
  const choices = choicesOf(asked.data, choiceOf)
  // A page may hold nothing that can be chosen, and the next one may.
  const looksOn = isLong && choices.length === 0 && asked.hasNextPage && asked.error === null
  useEffect(() => {
    if (looksOn && !asked.isFetching) void asked.fetchNextPage()
  }, [looksOn, asked.isFetching])
  // The one field takes the place of the other once it is known how many there are: it keeps the focus.
  const field = useRef<HTMLElement | null>(null)
  const isIn = useRef(false)
  isIn.current = field.current !== null && field.current === document.activeElement
  useLayoutEffect(() => {
    if (isIn.current) field.current?.focus()
  }, [isLong])
  const hold = (element: HTMLElement | null): void => void (field.current = element)
  const offered = value === '' || choices.some((choice) => choice.value === value) ? choices : [{ value, label }, ...choices]
  const failed = first.error ?? searched.error
  const wrong = error ?? (failed ? problemOf(failed).detail : undefined)
  if (!isLong) return <NativeSelect {...shown} ref={hold} value={value} onChange={(event) => onChange(event.currentTarget.value)} data={[{ value: '', label: none }, ...offered]} error={wrong} />
  return (
    <Select
      {...shown}
      ref={hold}
      value={value === '' ? null : value}
      onChange={(next, choice) => {
        setChosen(choice)
        onChange(next ?? '')
      }}
      data={value === '' || wanted !== '' ? offered : [{ value: '', label: none }, ...offered]}
      placeholder={none}
      searchable
      openOnFocus={false}
      onSearchChange={setTyped}
      filter={({ options }) => options}
      nothingFoundMessage={asked.isFetching || looksOn ? t`Looking…` : failed ? t`It could not be looked for` : t`Nothing is called so`}
      error={wrong}
    />
  )
}

function choicesOf<Row>(data: InfiniteData<PageOf<Row>> | undefined, choiceOf: (row: Row) => Choice | null): Choice[] {
  const choices = data?.pages.flatMap((page) => page.items.flatMap((row) => choiceOf(row) ?? [])) ?? []
  // One's own may have the name of one that somebody shares.
  return [...new Map(choices.map((choice) => [choice.value, choice])).values()]
}

/** Of things that go by their name. */
export const byName = ({ name }: { name: string }): Choice => ({ value: name, label: name })
