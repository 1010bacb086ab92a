/* The language of the pages: as the browser asks, or as one says here. */
import { t } from '@lingui/core/macro'
import { NativeSelect } from '@mantine/core'
import { chooseLanguage, chosenLanguage } from './language'
import { isLanguage, LANGUAGES } from './languages'

export function LanguagePick() {
  return (
    <NativeSelect
      aria-label={t`Language`}
      description={t`Of the texts, and of how numbers and dates are written. The page is loaded again.`}
      size="xs"
      w={280}
      maw="100%"
      data={[{ value: '', label: t`As the browser asks` }, ...Object.entries(LANGUAGES).map(([value, label]) => ({ value, label }))]}
      value={chosenLanguage() ?? ''}
      onChange={({ currentTarget: { value } }) => chooseLanguage(isLanguage(value) ? value : null)}
    />
  )
}
