/* What somebody is writing, kept by the browser until it is saved or thrown away: neither a reload, another page nor a session that
   ended loses it. A browser that keeps nothing, or no more, is no fault: what is on the page still counts. */

/** 'local' is kept for every tab, 'session' for this one. */
export type Store = 'local' | 'session'

/** What was kept; null where nothing was, or where it cannot be read. It may be of any shape. */
export function readKept(store: Store, key: string): unknown {
  try {
    return JSON.parse(storeOf(store).getItem(key) ?? 'null') as unknown
  } catch {
    return null
  }
}

/** Keeps a value; null forgets it. */
export function keep(store: Store, key: string, value: unknown): void {
  try {
    if (value === null) storeOf(store).removeItem(key)
    else storeOf(store).setItem(key, JSON.stringify(value))
  } catch {
    // Full, or switched off.
  }
}

/** Forgets all that this tab keeps: whoever signs out leaves nothing of it to the next one here. */
export function forgetTab(): void {
  try {
    for (const key of Object.keys(window.sessionStorage)) if (key.startsWith('treadle-')) window.sessionStorage.removeItem(key)
  } catch {
    // Switched off.
  }
}

const storeOf = (store: Store): Storage => (store === 'local' ? window.localStorage : window.sessionStorage)
