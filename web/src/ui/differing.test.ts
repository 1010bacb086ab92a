/* What is told of two texts makes each of them again. */
import { expect, test } from 'vitest'
import { cutPieces, diffWords, type Piece } from './differing'

const of = (pieces: Piece[], without: Piece['kind']): string => pieces.filter(({ kind }) => kind !== without).map(({ text }) => text).join('')

test('the words that changed, and no others', () => {
  expect(diffWords('where is my parcel?', 'where was my parcel?')).toEqual([
    { kind: 'same', text: 'where ' },
    { kind: 'gone', text: 'is' },
    { kind: 'new', text: 'was' },
    { kind: 'same', text: ' my parcel?' },
  ])
})

test('equal texts are one piece, and an empty one is none', () => {
  expect(diffWords('a b', 'a b')).toEqual([{ kind: 'same', text: 'a b' }])
  expect(diffWords('', '')).toEqual([])
  expect(diffWords('', 'new')).toEqual([{ kind: 'new', text: 'new' }])
  expect(diffWords('old', '')).toEqual([{ kind: 'gone', text: 'old' }])
})

test('both texts can be put together again from the pieces', () => {
  let seed = 7
  const draw = (below: number): number => {
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed % below
  }
  const text = (): string => Array.from({ length: draw(40) }, () => ['red', 'green', 'blue', ' ', '\n', ', ', 'ä', '猫', '😀'][draw(9)]).join('')
  for (let round = 0; round < 300; round += 1) {
    const [before, after] = [text(), text()]
    const pieces = diffWords(before, after)
    expect(of(pieces, 'new')).toBe(before)
    expect(of(pieces, 'gone')).toBe(after)
  }
})

test('texts with nothing in common and great length are told in a moment', () => {
  const [before, after] = ['x y\n'.repeat(40_000), 'a b\n'.repeat(40_000)]
  const pieces = diffWords(before, after)
  expect(of(pieces, 'new')).toBe(before)
  expect(of(pieces, 'gone')).toBe(after)
})

test('what is drawn of a difference is cut after the texts were told apart', () => {
  const pieces = diffWords('Sure, the red lamp', 'the red lamp of old')

  expect(cutPieces(pieces, 10)).toEqual([{ kind: 'gone', text: 'Sure, ' }, { kind: 'same', text: 'the ' }])
  expect(cutPieces(pieces, 500)).toEqual(pieces)
})
