/* What one has begun to say about an object and has not sent: it stands with the page, so that neither closing the panel nor what others
   do to a thread meanwhile takes it away. */
import { useState } from 'react'

/** Of words that are there already: the version that they were when the edit was begun. */
export type Draft = { said: string; version?: number }

/** By what they are for: `NEW`, the thread that is answered, `editOf` a comment. */
export type Drafts = { of: (key: string) => Draft | undefined; set: (key: string, draft: Draft | null) => void }

export const NEW = ''
export const editOf = (commentId: string): string => `edit ${commentId}`

export function useDrafts(): Drafts {
  const [drafts, setDrafts] = useState<Readonly<Record<string, Draft>>>({})
  return {
    of: (key) => drafts[key],
    set: (key, draft) => setDrafts(({ [key]: _, ...others }) => (draft === null ? others : { ...others, [key]: draft })),
  }
}
