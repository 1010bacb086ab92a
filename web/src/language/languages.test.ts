import { describe, expect, it } from 'vitest'
import { languageFor, localeFor } from './languages'

describe('the language', () => {
  it('is the first that the reader wants and that there is', () => {
    expect(languageFor(['fr-FR', 'de-AT', 'en'])).toBe('de')
    expect(languageFor(['en-GB', 'de'])).toBe('en')
  })

  it('is English where there is none of them', () => {
    expect(languageFor(['fr-FR', 'pt'])).toBe('en')
    expect(languageFor([])).toBe('en')
  })

  it('writes numbers and dates as in the region of the reader', () => {
    expect(localeFor('de', ['en-US', 'de-CH', 'de'])).toBe('de-CH')
    expect(localeFor('en', ['de-DE'])).toBe('en')
  })
})
