/* Numbers for the eye: counts, shares, bytes, durations, money. Pure but for the locale, which is the page's unless one is handed in. */
import { t } from '@lingui/core/macro'
import { i18n } from '../language/i18n'

/** The locale of the page: the reader's own variety of its language. */
export const pageLocale = (): Intl.LocalesArgument => i18n.locales ?? i18n.locale

/** Making a formatter costs a hundred times what using it does, so each that was made is kept. */
const formats = new Map<string, Intl.NumberFormat>()

function number(value: number, options: Intl.NumberFormatOptions, locale: Intl.LocalesArgument = pageLocale()): string {
  const key = JSON.stringify([locale, options])
  const kept = formats.get(key) ?? new Intl.NumberFormat(locale, options)
  formats.set(key, kept)
  return kept.format(value)
}

/** 12345 -> "12,345". */
export function count(value: number | null | undefined, locale?: string): string {
  return value == null ? t`unknown` : number(value, {}, locale)
}

/** 3.14159 -> "3.14": so many digits after the point, whether they are zeros or not. */
export function fixed(value: number, digits: number, locale?: string): string {
  return number(value, { minimumFractionDigits: digits, maximumFractionDigits: digits }, locale)
}

/** 0.00012345 -> "0.0001235": so many digits that say something, at most. */
export function significant(value: number, digits: number, locale?: string): string {
  return number(value, { maximumSignificantDigits: digits }, locale)
}

/** 0.9123 -> "91.2 %": a share in 0-1 as a percentage. Shares that are not 0 or 1 never round to 0 % or 100 %. */
export function percent(share: number | null | undefined, digits = 1, locale?: string): string {
  if (share == null || Number.isNaN(share)) return t`unknown`
  const shown = Number((share * 100).toFixed(digits))
  const least = Math.pow(10, -digits)
  if (share > 0 && shown === 0) return `< ${fixed(least, digits, locale)} %`
  if (share < 1 && shown === 100) return `> ${fixed(100 - least, digits, locale)} %`
  return `${fixed(share * 100, digits, locale)} %`
}

/** Four significant digits, exponent form outside 0.001 to 1e6. */
export function measure(value: number | null | undefined, locale?: string): string {
  if (value == null) return t`unknown`
  const size = Math.abs(value)
  if (size === 0 || (size >= 0.001 && size < 1e6)) return significant(value, 4, locale)
  return number(value, { notation: 'scientific', minimumFractionDigits: 2, maximumFractionDigits: 2 }, locale).replace('E', 'e')
}

/** 1536 -> "1.5 kB" in powers of 1000, as disks are sold. */
export function bytes(value: number | null | undefined, locale?: string): string {
  if (value == null) return t`unknown`
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let size = value
  let unit = 0
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000
    unit += 1
  }
  return `${fixed(size, unit === 0 || size >= 100 ? 0 : 1, locale)} ${units[unit]}`
}

/** Milliseconds in the unit a person would say: "1.4 ms", "820 ms", "3.2 s", "4 min 10 s", "2 h 5 min". */
export function duration(ms: number | null | undefined, locale?: string): string {
  if (ms == null) return t`unknown`
  if (ms < 10) return `${fixed(ms, 1, locale)} ms`
  if (ms < 1000) return `${Math.round(ms)} ms`
  const seconds = ms / 1000
  if (seconds < 10) return `${fixed(seconds, 1, locale)} s`
  if (seconds < 60) return `${Math.round(seconds)} s`
  const whole = Math.round(seconds)
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${count(Math.floor(whole / 3600), locale)} h ${Math.floor((whole % 3600) / 60)} min`
}

/** 0.0152 -> "$0.0152": an amount of US dollars that cents are too coarse for, such as a price. */
export function price(amount: string | number | null | undefined, locale?: string): string {
  if (amount == null) return t`no price known`
  const digits = Math.abs(Number(amount)) < 1 ? { minimumSignificantDigits: 2, maximumSignificantDigits: 4 } : {}
  return number(Number(amount), { style: 'currency', currency: 'USD', currencyDisplay: 'narrowSymbol', ...digits }, locale)
}

/** A decimal amount of US dollars, given as the API gives it: a string, or null where no price is known. */
export function usd(amount: string | number | null | undefined, locale?: string): string {
  if (amount == null) return t`no price known`
  const value = Number(amount)
  const digits = value !== 0 && Math.abs(value) < 0.01 ? { minimumSignificantDigits: 2, maximumSignificantDigits: 2 } : {}
  return number(value, { style: 'currency', currency: 'USD', currencyDisplay: 'narrowSymbol', ...digits }, locale)
}
