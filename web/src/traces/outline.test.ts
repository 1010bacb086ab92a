/* A trace that is only partly here is shown as what it is: its parts in order, and gaps for what is still to come. */
import { expect, test } from 'vitest'
import type { TreeRow } from '../api/types'
import { barOf, lineAbove, linesOf, missing, openAtFirst, outlineOf, sumsOf, timeOf, TOP, withParts } from './outline'

const row = (span_id: string, depth: number, child_count: number, more: Partial<TreeRow> = {}): TreeRow =>
  ({
    span_id, depth, child_count, name: span_id, kind: 'chain', status: 'ok', started_at: '2026-01-01T00:00:00Z', latency_ms: 100, critical_ms: 0, descendant_count: child_count,
    subtree_cost_usd: '0', subtree_unpriced_count: 0, subtree_error_count: 0, subtree_input_tokens: 0, subtree_output_tokens: 0, ...more,
  }) as TreeRow

const said = (lines: ReturnType<typeof linesOf>): string[] => lines.map((line) => (line.kind === 'span' ? line.row.span_id : `gap in ${line.parentId}`))

test('a tree that came whole is shown whole', () => {
  const outline = outlineOf({ root_count: 2, rows: [row('a', 0, 2), row('b', 1, 1), row('c', 2, 0), row('d', 1, 0), row('e', 0, 0)] })
  expect(said(linesOf(outline, openAtFirst(outline, true)))).toEqual(['a', 'b', 'c', 'd', 'e'])
  expect(said(linesOf(outline, new Set()))).toEqual(['a', 'e'])
})

test('what is not here yet is a gap of its size, which fills without moving what was here', () => {
  const outline = outlineOf({ root_count: 1, rows: [row('a', 0, 4), row('b', 1, 3)] })
  const open = openAtFirst(outline, false)
  expect(said(linesOf(outline, open))).toEqual(['a', 'b', 'gap in a', 'gap in a', 'gap in a'])
  expect(missing(outline, 'b')).toBe(3)
  const filled = withParts(outline, 'a', [row('b', 1, 3), row('f', 1, 0), row('g', 1, 0), row('h', 1, 0)])
  expect(said(linesOf(filled, open))).toEqual(['a', 'b', 'f', 'g', 'h'])
  expect(missing(filled, 'a')).toBe(0)
})

test('roots may be missing too', () => {
  const outline = outlineOf({ root_count: 3, rows: [row('a', 0, 0)] })
  expect(said(linesOf(outline, new Set()))).toEqual(['a', `gap in ${TOP}`, `gap in ${TOP}`])
})

test('a chain of 100,000 spans is no deeper than the stack', () => {
  const rows = Array.from({ length: 100_000 }, (_, depth) => row(`s${depth}`, depth, depth === 99_999 ? 0 : 1))
  const outline = outlineOf({ root_count: 1, rows })
  expect(linesOf(outline, openAtFirst(outline, true))).toHaveLength(100_000)
})

test('a bar lies where its time does, and can be seen', () => {
  const rows = [row('a', 0, 1, { latency_ms: 1000 }), row('b', 1, 0, { started_at: '2026-01-01T00:00:00.500Z', latency_ms: 0 })]
  const time = timeOf(rows)
  expect(barOf(rows[0]!, time)).toEqual({ start: 0, width: 1 })
  expect(barOf(rows[1]!, time)).toEqual({ start: 0.5, width: 0.005 })
})

test('going up leads to the span that holds the line', () => {
  const outline = outlineOf({ root_count: 1, rows: [row('a', 0, 2), row('b', 1, 0), row('c', 1, 0)] })
  expect(lineAbove(linesOf(outline, openAtFirst(outline, true)), 2)).toBe(0)
})

test('what nobody told is unknown, what the parts told is their sum', () => {
  const trace = { input_tokens: null } as never
  const nothing = { trace, input_tokens: 0, output_tokens: 0, cost_usd: '0', unpriced_count: 0 }
  expect(sumsOf(nothing)).toEqual({ tokens: null, costUsd: null, isPart: false })
  const unpriced = { ...nothing, input_tokens: 12, output_tokens: 5, cost_usd: null, unpriced_count: 1 }
  expect(sumsOf(unpriced)).toEqual({ tokens: [12, 5], costUsd: null, isPart: false })
  expect(sumsOf({ ...unpriced, cost_usd: '0.01' })).toEqual({ tokens: [12, 5], costUsd: '0.01', isPart: true })
})
