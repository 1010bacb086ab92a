/* Whether a page goes on following the end of what grows on it. Pure. */

/** How near to the end of the page one stands who reads its end. */
const NEAR_PX = 120
/** The end itself: a page that became shorter moves up whoever stands there. */
const AT_END_PX = 1

/** After a scroll from `wasY` to `y`, with `left` below. Only going up ends it: what has grown since the page last followed does not. */
export function followsAfter(follows: boolean, { wasY, y, left }: { wasY: number; y: number; left: number }): boolean {
  if (y < wasY) return left <= AT_END_PX
  return follows || left <= NEAR_PX
}
