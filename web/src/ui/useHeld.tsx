/* Holds a form to what it was begun from. A change that others were quicker with is not sent over theirs: the form shows a box with
   both, and nothing that was typed is lost. What others changed elsewhere in the same thing stays, and no question is asked. */
import { useCallback, useEffect, useState, type ReactNode } from 'react'
import { problemOf } from '../api/problem'
import { Conflict } from './Conflict'
import { isApart, onTopOf, theirsOf, together, type Theirs, type When } from './editing'
import type { Names } from './fieldNames'

/** What a form edits. */
export type Edit<T extends object, Mine extends object = object> = {
  /** The revision that came with it; null where nothing was there when the form was opened. */
  revision: string | null
  /** Which one, in a form that can change several: with another one it begins anew. */
  of?: string
  /** What it was, in the fields that are sent. */
  was: T
  /** What would be sent. */
  mine: Mine
  /** Fields that stand for themselves, a map's entries each: what others changed of them stays, and `run` is given both. Without it all
      that is sent is one. */
  alone?: readonly (keyof Mine & string)[]
  /** What the form calls the fields that are sent. */
  names: Names
  /** Fills the form with what is there now. */
  take: (now: T) => void
}

/** Sends what stands in the form, or `mine`, which has what others changed elsewhere, too. */
export type Send<Mine> = (when: When, mine?: Mine) => Promise<unknown>

export type Held<Mine> = {
  /** Sends with the condition that it is given; says whether it went through. Throws what has nothing to do with others' edits. */
  save: (send: Send<Mine>) => Promise<boolean>
  /** The box, while others' edit stands against this one. */
  box: (again: Send<Mine>, done: () => void) => ReactNode
  isHeld: boolean
}

/** `opened`: what is edited is taken as it is at that moment, however often it is read anew behind the form. Without `edit` something is made. */
export function useHeld<T extends object, Mine extends object>(edit: Edit<T, Mine> | undefined, opened: boolean): Held<Mine> {
  const [begun, setBegun] = useState(edit && { revision: edit.revision, was: edit.was })
  const [theirs, setTheirs] = useState<Theirs | null>(null)
  const of = edit && (edit.of ?? '')
  useEffect(() => {
    if (!opened) return
    setTheirs(null)
    setBegun(edit && { revision: edit.revision, was: edit.was })
    // Only the opening counts: what is read behind an open form is what it must be held against.
  }, [opened, of])
  const withTheirs = (edited: Edit<T, Mine>, was: T, now: object): { both: Mine; isClear: boolean } =>
    edited.alone ? together(was, now, edited.mine, edited.alone) : { both: edited.mine, isClear: isApart(was, now, edited.mine) }
  const send = async (run: Send<Mine>, when: When, mine: Mine | undefined): Promise<boolean> => {
    try {
      await run(when, mine)
      setTheirs(null)
      return true
    } catch (thrown) {
      const found = edit && theirsOf(problemOf(thrown))
      if (!found || !edit) throw thrown
      const { both, isClear } = begun && found.revision !== null ? withTheirs(edit, begun.was, found.now) : { both: mine, isClear: false }
      if (isClear) return send(run, onTopOf(found.revision), both)
      setTheirs(found)
      return false
    }
  }
  const goOn = useCallback(() => setTheirs(null), [])
  const drawn = (run: Send<Mine>, done: () => void): ReactNode => {
    if (!theirs || !edit || !begun) return null
    const { both } = theirs.revision === null ? { both: edit.mine } : withTheirs(edit, begun.was, theirs.now)
    return (
      <Conflict
        theirs={theirs}
        before={begun.was}
        mine={both}
        names={edit.names}
        goOn={goOn}
        take={() => {
          const now = { ...begun.was, ...theirs.now }
          edit.take(now)
          if (theirs.revision !== null) setBegun({ revision: theirs.revision, was: now })
          setTheirs(null)
        }}
        overwrite={async () => {
          if (await send(run, onTopOf(theirs.revision), both)) done()
        }}
      />
    )
  }
  return { save: (run) => send(run, onTopOf((begun ?? edit)?.revision ?? null), edit?.mine), isHeld: theirs !== null, box: drawn }
}
