/* What changed between two texts, word by word: Myers' shortest edit script over words. Pure. Texts that differ in more than can
   be told apart in a moment are one piece gone and one piece new. */

export type Piece = { kind: 'same' | 'gone' | 'new'; text: string }

const WORD = /\s+|[\p{L}\p{N}\p{M}_]+|./gsu
/** Longer texts are compared by lines. */
const MOST_WORDS = 6_000
/** More edits than this are not looked for: the work grows with their square. */
const MOST_EDITS = 1_000

export function diffWords(before: string, after: string): Piece[] {
  if (before === after) return before === '' ? [] : [{ kind: 'same', text: before }]
  const [left, right] = before.length + after.length > MOST_WORDS * 4 ? [linesOf(before), linesOf(after)] : [wordsOf(before), wordsOf(after)]
  let start = 0
  while (start < left.length && start < right.length && left[start] === right[start]) start += 1
  let end = 0
  while (end < left.length - start && end < right.length - start && left[left.length - 1 - end] === right[right.length - 1 - end]) end += 1
  const middle = editsOf(left.slice(start, left.length - end), right.slice(start, right.length - end))
  return joined([{ kind: 'same', text: left.slice(0, start).join('') }, ...middle, { kind: 'same', text: end === 0 ? '' : left.slice(-end).join('') }])
}

/** The first pieces, of so many characters together. */
export function cutPieces(pieces: readonly Piece[], most: number): Piece[] {
  const found: Piece[] = []
  let left = most
  for (const piece of pieces) {
    if (left <= 0) break
    found.push({ ...piece, text: piece.text.slice(0, left) })
    left -= piece.text.length
  }
  return found
}

function wordsOf(text: string): string[] {
  return text.match(WORD) ?? []
}

function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+/g) ?? []
}

/** Neighbours of one kind are one piece; between two same pieces what is gone stands before what is new. */
function joined(pieces: Piece[]): Piece[] {
  const found: Piece[] = []
  let gone = ''
  let added = ''
  const flush = (): void => {
    if (gone !== '') found.push({ kind: 'gone', text: gone })
    if (added !== '') found.push({ kind: 'new', text: added })
    gone = added = ''
  }
  for (const { kind, text } of pieces) {
    if (text === '') continue
    if (kind === 'gone') gone += text
    else if (kind === 'new') added += text
    else {
      flush()
      const last = found.at(-1)
      if (last?.kind === 'same') last.text += text
      else found.push({ kind, text })
    }
  }
  flush()
  return found
}

/** Myers 1986, "An O(ND) Difference Algorithm": the furthest points reached by diagonal, kept to walk back. */
function editsOf(left: string[], right: string[]): Piece[] {
  const whole: Piece[] = [{ kind: 'gone', text: left.join('') }, { kind: 'new', text: right.join('') }]
  if (left.length === 0 || right.length === 0) return whole
  const most = Math.min(left.length + right.length, MOST_EDITS)
  const offset = most + 1
  const furthest = new Int32Array(2 * most + 3)
  const trail: Int32Array[] = []
  for (let edits = 0; edits <= most; edits += 1) {
    trail.push(furthest.slice(offset - edits - 1, offset + edits + 2))
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      const down = diagonal === -edits || (diagonal !== edits && furthest[offset + diagonal - 1]! < furthest[offset + diagonal + 1]!)
      let x = down ? furthest[offset + diagonal + 1]! : furthest[offset + diagonal - 1]! + 1
      let y = x - diagonal
      while (x < left.length && y < right.length && left[x] === right[y]) {
        x += 1
        y += 1
      }
      furthest[offset + diagonal] = x
      if (x >= left.length && y >= right.length) return walkBack(trail, left, right)
    }
  }
  return whole
}

function walkBack(trail: Int32Array[], left: string[], right: string[]): Piece[] {
  const pieces: Piece[] = []
  let x = left.length
  let y = right.length
  for (let edits = trail.length - 1; edits >= 0; edits -= 1) {
    const row = trail[edits]!
    const at = (diagonal: number): number => row[diagonal + edits + 1]!
    const diagonal = x - y
    const down = diagonal === -edits || (diagonal !== edits && at(diagonal - 1) < at(diagonal + 1))
    const beforeX = edits === 0 ? 0 : down ? at(diagonal + 1) : at(diagonal - 1)
    const beforeY = edits === 0 ? 0 : beforeX - (down ? diagonal + 1 : diagonal - 1)
    while (x > beforeX && y > beforeY) {
      x -= 1
      y -= 1
      pieces.push({ kind: 'same', text: left[x]! })
    }
    if (edits === 0) break
    if (down) pieces.push({ kind: 'new', text: right[--y]! })
    else pieces.push({ kind: 'gone', text: left[--x]! })
  }
  return pieces.reverse()
}
