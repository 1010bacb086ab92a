/* Moments and spans of time for the eye. Pure but for the locale, which is the page's unless one is handed in: the present is handed in. */
import { t } from '@lingui/core/macro'
import { duration, pageLocale } from './numbers'

/** Milliseconds between two ISO moments; an open end is the present. */
export function elapsed(startedAt: string | null | undefined, endedAt: string | null | undefined, now: number): number | null {
  if (startedAt == null) return null
  const end = endedAt == null ? now : Date.parse(endedAt)
  return Math.max(0, end - Date.parse(startedAt))
}

/** How long something took, or has been running, in words. */
export function took(startedAt: string | null | undefined, endedAt: string | null | undefined, now: number): string {
  const ms = elapsed(startedAt, endedAt, now)
  return ms == null ? t`not started` : duration(ms)
}

/** "just now", "4 min ago", "yesterday", then the date. */
export function ago(moment: string, now: number, locale?: string): string {
  const seconds = Math.round((now - Date.parse(moment)) / 1000)
  if (seconds < -5) return exact(moment, locale)
  if (seconds < 10) return t`just now`
  if (seconds < 60) return t`${seconds} s ago`
  if (seconds < 3600) return t`${Math.floor(seconds / 60)} min ago`
  if (seconds < 86_400) return t`${Math.floor(seconds / 3600)} h ago`
  if (seconds < 172_800) return t`yesterday`
  return date(moment, { day: 'numeric', month: 'short', year: 'numeric' }, locale)
}

/** The full local date and time, to the second. */
export function exact(moment: string, locale?: string): string {
  return date(moment, { dateStyle: 'medium', timeStyle: 'medium' }, locale)
}

/** A day that is no moment, such as '2026-11-21'. */
export function day(told: string, locale?: string): string {
  return date(told, { dateStyle: 'medium', timeZone: 'UTC' }, locale)
}

/** Hours, minutes and seconds: for axes and log lines within one day. */
export function clock(moment: string, locale?: string): string {
  return date(moment, { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false }, locale)
}

/** Sunday to Saturday. */
export function dayNames(length: 'long' | 'short', locale?: string): string[] {
  return Array.from({ length: 7 }, (_, day) => date(new Date(2026, 1, 1 + day).toISOString(), { weekday: length }, locale))
}

/** January to December. */
export function monthNames(length: 'long' | 'short', locale?: string): string[] {
  return Array.from({ length: 12 }, (_, month) => date(new Date(2026, month, 15).toISOString(), { month: length }, locale))
}

/** Each that was made is kept, as with numbers. */
const formats = new Map<string, Intl.DateTimeFormat>()

function date(moment: string, options: Intl.DateTimeFormatOptions, locale: Intl.LocalesArgument = pageLocale()): string {
  const key = JSON.stringify([locale, options])
  const kept = formats.get(key) ?? new Intl.DateTimeFormat(locale, options)
  formats.set(key, kept)
  return kept.format(Date.parse(moment))
}
