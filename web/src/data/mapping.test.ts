/* A map's points as series that can be told apart. */
import { expect, test } from 'vitest'
import type { EmbeddingMap } from '../api/types'
import { seriesOf, SYMBOLS } from './mapping'

const map = (labels: (string | null)[]): EmbeddingMap => ({
  num_rows: labels.length, num_drawn: labels.length, embedder: 'e', neighbours_kept: null,
  groups: [{ group: 1, name: 'parcel', num_rows: labels.length }],
  points: labels.map((label, at) => ({ row: at + 1, x: 0, y: 0, group: 1, label, part: null, excerpt: '' })),
})

test('each value has a shape of its own, the most frequent first, and what has none is said', () => {
  expect(seriesOf(map(['a', 'b', 'b', null]), 'label').map(({ name, symbol, points }) => [name, symbol, points.length])).toEqual([['b', 'circle', 2], ['a', 'triangle', 1], ['none', 'rect', 1]])
  expect(seriesOf(map(['a']), 'group').map(({ name }) => name)).toEqual(['1: parcel'])
})

test('more values than shapes share the last one, and no name runs out of the key', () => {
  const many = seriesOf(map(Array.from({ length: 20 }, (_, at) => `label ${String(at).padStart(3, '0')} ${'x'.repeat(200)}`)), 'label')

  expect(many).toHaveLength(SYMBOLS.length + 1)
  expect(many.at(-1)?.points).toHaveLength(14)
  expect(new Set(many.map(({ name }) => name)).size).toBe(many.length)
  expect(Math.max(...many.map(({ name }) => name.length))).toBeLessThan(50)
})
