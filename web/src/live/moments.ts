/* How long ago something was, also where the computer slept meanwhile. Pure but for the two clocks that are read. */

/** By a clock that is never set and may stand still while a computer sleeps, and by one that goes on and may be set. */
export type Moment = { steady: number; wall: number }

export const thisMoment = (): Moment => ({ steady: performance.now(), wall: Date.now() })

/** At least as long as it was: a clock that was set forward makes it longer, and one asks for more than one missed. */
export function msBetween(then: Moment, now: Moment): number {
  return Math.max(now.steady - then.steady, now.wall - then.wall)
}
