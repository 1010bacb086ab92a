/* Where a filter in words is written: offers fields and values as one types, and says below what the server cannot read. Enter
   asks; the arrows choose an offer, Tab or Enter takes it. */
import { t } from '@lingui/core/macro'
import { Combobox, TextInput, useCombobox } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { endpointsQuery } from '../releases/queries'
import { completionAt, taken, type Offer } from './complete'
import styles from './QueryBox.module.css'

const MOST_OFFERS = 9

export function QueryBox({ value, problem, apply }: { value: string; problem: string | null; apply: (value: string) => void }) {
  const [draft, setDraft] = useState(value)
  const [caret, setCaret] = useState(value.length)
  const box = useRef<HTMLInputElement>(null)
  const [wanted, setWanted] = useState<number | null>(null)
  const combobox = useCombobox({ onDropdownClose: () => combobox.resetSelectedOption() })
  const endpoints = useInfiniteQuery({ ...endpointsQuery, retry: false, enabled: combobox.dropdownOpened })
  const known = { endpoint: endpoints.data?.pages.flatMap((page) => page.items.map(({ name }) => name)) ?? [] }
  const completion = completionAt(draft, caret, known)
  const offers = completion.offers.slice(0, MOST_OFFERS)
  useEffect(() => setDraft(value), [value])
  useEffect(() => {
    if (wanted === null) return
    box.current?.setSelectionRange(wanted, wanted)
    setWanted(null)
  }, [wanted])
  useEffect(() => combobox.resetSelectedOption(), [draft])

  const take = (offer: Offer): void => {
    const next = taken(draft, completion, offer)
    setDraft(next.text)
    setCaret(next.caret)
    setWanted(next.caret)
  }
  const ask = (): void => {
    combobox.closeDropdown()
    if (draft.trim() !== value) apply(draft.trim())
  }
  return (
    <Combobox
      store={combobox}
      onOptionSubmit={(label) => {
        const offer = offers.find((one) => one.label === label)
        if (offer) take(offer)
      }}
    >
      <Combobox.Target>
        <TextInput
          ref={box}
          className={styles.box}
          label={t`Filter`}
          placeholder={t`words, status:error, model:gpt-*, latency>2s, score.correct<0.5`}
          size="xs"
          value={draft}
          error={problem}
          spellCheck={false}
          autoComplete="off"
          maxLength={2000}
          onChange={(event) => {
            setDraft(event.currentTarget.value)
            setCaret(event.currentTarget.selectionStart ?? event.currentTarget.value.length)
            combobox.openDropdown()
          }}
          onSelect={(event) => setCaret(event.currentTarget.selectionStart ?? draft.length)}
          onClick={() => combobox.openDropdown()}
          onBlur={ask}
          onKeyDown={(event) => {
            const chosen = combobox.getSelectedOptionIndex()
            const offer = combobox.dropdownOpened ? offers[chosen] : undefined
            if (event.key === 'Tab' && offer) {
              event.preventDefault()
              take(offer)
            }
            if (event.key === 'Enter' && !offer) ask()
          }}
        />
      </Combobox.Target>
      <Combobox.Dropdown hidden={offers.length === 0}>
        <Combobox.Options aria-label={t`What can come next`}>
          {offers.map((offer) => (
            <Combobox.Option key={offer.label} value={offer.label}>
              <code>{offer.label}</code> {offer.hint && <span className="dim">{offer.hint}</span>}
            </Combobox.Option>
          ))}
        </Combobox.Options>
      </Combobox.Dropdown>
    </Combobox>
  )
}
