/* A text with elements in it, as the `Trans` macro leaves it. What people and models wrote and stands in it is text, also where it
   looks like an element of ours: only the catalogue's own words are read for elements. */
import type { TransProps } from '@lingui/react'
import { TransNoContext } from '@lingui/react/server'
import { i18n } from './i18n'

export function Trans({ values, ...props }: TransProps) {
  const safe = values && Object.fromEntries(Object.entries(values).map(([name, value]) => [name, typeof value === 'string' ? <>{value}</> : value]))
  return <TransNoContext {...props} values={safe} lingui={{ i18n }} />
}
