/* Filters above a list. They live in the address, so a filtered list can be linked and survives going back. */
import { TextInput } from '@mantine/core'
import { useEffect, useState, type ReactNode } from 'react'

/** A text filter: applied on Enter or on leaving the field, so that typing does not ask the server for every letter. */
export function FilterText({ label, placeholder, value, onApply, wide = false, error }: { label: string; placeholder?: string; value: string; onApply: (value: string) => void; wide?: boolean; error?: string | undefined }) {
  const [draft, setDraft] = useState(value)
  useEffect(() => setDraft(value), [value])
  const apply = (): void => {
    if (draft.trim() !== value) onApply(draft.trim())
  }
  return (
    <TextInput
      label={label}
      placeholder={placeholder}
      size="xs"
      w={wide ? 280 : 220}
      maw="100%"
      error={error}
      value={draft}
      onChange={(event) => setDraft(event.currentTarget.value)}
      onBlur={apply}
      onKeyDown={(event) => {
        if (event.key === 'Enter') apply()
      }}
    />
  )
}

/** Filters in a row; `clear` leads to the whole list where it is narrowed. */
export function Filters({ label, clear, children }: { label: string; clear: ReactNode; children: ReactNode }) {
  return (
    <div className="row" style={{ alignItems: 'flex-end' }} role="search" aria-label={label}>
      {children}
      {clear}
    </div>
  )
}
