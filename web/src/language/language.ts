/* The language of this page. It is settled before any other of our modules is loaded, so that also a table of constants is in it;
   to change it loads the page again. English comes with the code; the catalogue of another language is fetched when it is spoken. */
import type { Messages } from '@lingui/core'
import { compileMessage } from '@lingui/message-utils/compileMessage'
import { i18n } from './i18n'
import { isLanguage, languageFor, localeFor, type Language } from './languages'

const KEY = 'treadle-language'

const CATALOGUES: Record<Exclude<Language, 'en'>, () => Promise<{ messages: Messages }>> = { de: () => import('../locales/de.po') }

/** What was chosen in the settings; null follows the browser. */
export function chosenLanguage(): Language | null {
  try {
    const said = window.localStorage.getItem(KEY)
    return isLanguage(said) ? said : null
  } catch {
    return null // Storage is switched off.
  }
}

/** Keep a choice and show the page in it. */
export function chooseLanguage(language: Language | null): void {
  if (language === null) window.localStorage.removeItem(KEY)
  else window.localStorage.setItem(KEY, language)
  window.location.reload()
}

/** Speak the language that was chosen, or that the browser asks for. A catalogue that does not come leaves English. */
export async function settleLanguage(): Promise<void> {
  const language = chosenLanguage() ?? languageFor(navigator.languages)
  const catalogue = language === 'en' ? null : await CATALOGUES[language]().catch(() => null)
  const spoken = catalogue === null ? 'en' : language
  i18n.setMessagesCompiler(compileOnce)
  i18n.load(spoken, catalogue?.messages ?? {})
  i18n.activate(spoken, localeFor(spoken, navigator.languages))
  document.documentElement.lang = spoken
}

const compiled = new Map<string, ReturnType<typeof compileMessage>>()

/** English texts are compiled where they are first shown. */
function compileOnce(text: string): ReturnType<typeof compileMessage> {
  const found = compiled.get(text) ?? compileMessage(text)
  compiled.set(text, found)
  return found
}
