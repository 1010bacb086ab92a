/* Which language suits a reader, and which variety of it numbers and dates follow. Pure: the browser's languages are handed in. */

/** Each in its own name. English is the language of the sources and what stands where a translation is missing. */
export const LANGUAGES = { en: 'English', de: 'Deutsch' } as const

export type Language = keyof typeof LANGUAGES

export const isLanguage = (said: string | null): said is Language => said !== null && Object.hasOwn(LANGUAGES, said)

/** The first of the wanted languages that there is, whatever its region; else English. */
export function languageFor(wanted: readonly string[]): Language {
  return wanted.map(languageOf).find(isLanguage) ?? 'en'
}

/** How numbers and dates are written in a language: as in the region the reader names, such as 'de-CH', else as the language has it. */
export function localeFor(language: Language, wanted: readonly string[]): string {
  return wanted.find((locale) => languageOf(locale) === language) ?? language
}

const languageOf = (locale: string): string => locale.toLowerCase().split('-')[0] ?? ''
