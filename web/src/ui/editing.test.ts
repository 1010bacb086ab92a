/* What two people changed of one thing is told apart, and nothing else is. */
import { expect, test } from 'vitest'
import { Problem } from '../api/problem'
import { differences, isApart, onTopOf, theirsOf, together } from './editing'

const BEFORE = { name: 'slow', signal: { metric: 'latency_p95', endpoint: null }, fire_after: 1, channels: [] as string[], usd: '5.00' }

test('a field that both changed is shown with what it was', () => {
  const theirs = { ...BEFORE, fire_after: 2 }
  const mine = { ...BEFORE, fire_after: 3, channels: ['team'] }

  expect(differences(BEFORE, theirs, mine)).toEqual([
    { field: 'fire_after', before: '1', theirs: '2', mine: '3' },
    { field: 'channels', before: '', theirs: '', mine: 'team' },
  ])
})

test('a change of something else is apart from mine, and what I do not state is no difference', () => {
  const theirs = { ...BEFORE, fire_after: 2 }

  expect(isApart(BEFORE, theirs, { signal: { metric: 'errors' } })).toBe(true)
  expect(isApart(BEFORE, theirs, { fire_after: 3 })).toBe(false)
  expect(isApart(BEFORE, theirs, { destination: 'elsewhere' })).toBe(false)
  expect(differences(BEFORE, theirs, { signal: BEFORE.signal })).toEqual([])
})

test('two who change one field to the same are apart in the rest', () => {
  expect(isApart({ a: 1, b: 1 }, { a: 2, b: 1 }, { a: 2, b: 3 })).toBe(true)
  expect(isApart({ a: 1, b: 1 }, { a: 2, b: 2 }, { a: 2, b: 3 })).toBe(false)
})

test('what is left out, empty or written as a text is the same as what it stands for', () => {
  expect(differences(BEFORE, BEFORE, { ...BEFORE, signal: { metric: 'latency_p95' }, usd: 5 })).toEqual([])
})

test('texts that are the same as numbers are not the same texts, and a comma makes no list', () => {
  expect(isApart({ version: '1' }, { version: '1.0' }, { version: '2' })).toBe(false)
  expect(isApart({ to: ['a, b'] }, { to: ['a', 'b'] }, { to: ['c'] })).toBe(false)
})

const HELD = { url: 'here', region: 'eu', headers: { team: 'a', tier: '1' } as Record<string, string> }

test('two who change other entries come together; what neither of them says stays', () => {
  const theirs = { ...HELD, region: 'us', headers: { team: 'b', trace: 'yes' } }

  expect(together(HELD, theirs, { ...HELD, headers: { team: 'a', tier: '1', cost: 'x' } }, ['region', 'headers'])).toEqual({
    both: { url: 'here', region: 'us', headers: { team: 'b', trace: 'yes', cost: 'x' } }, isClear: true,
  })
  expect(together(HELD, { ...HELD, url: 'there' }, { ...HELD, region: 'us' }, ['region', 'headers']).both.url).toBe('there')
})

test('where nothing is told of what is there, nothing is clear', () => {
  expect(isApart(HELD, {}, { region: 'us' })).toBe(false)
  expect(together(HELD, {}, { ...HELD, region: 'us' }, ['region', 'headers'])).toEqual({ both: { ...HELD, region: 'us' }, isClear: false })
})

test('of one entry that both changed mine stands, it is not clear, and what they changed elsewhere stays', () => {
  const theirs = { ...HELD, headers: { team: 'b', tier: '2' } }

  expect(together(HELD, theirs, { ...HELD, headers: { team: 'c', tier: '1' } }, ['headers'])).toEqual({ both: { ...HELD, headers: { team: 'c', tier: '2' } }, isClear: false })
  expect(together(HELD, { ...HELD, url: 'there', region: 'us' }, { ...HELD, url: 'elsewhere' }, ['region'])).toEqual({ both: { ...HELD, url: 'elsewhere', region: 'us' }, isClear: false })
})

test('questions are told apart one by one', () => {
  const asked = { fields: [{ name: 'good', kind: 'boolean' }, { name: 'why', kind: 'text' }] }

  expect(differences(asked, asked, { fields: [{ name: 'good', kind: 'boolean' }, { name: 'cause', kind: 'text' }] })).toEqual([{ field: 'fields.2.name', before: 'why', theirs: 'why', mine: 'cause' }])
})

test('only a refusal of this kind tells what is there', () => {
  const values = { revision: 'abc', now: { title: 'x' }, changed_by_name: 'ada', changed_by: 'act_1', changed_at: '2026-11-21T20:00:00Z' }

  expect(theirsOf(new Problem(412, 'editing.changed', '', '', values))).toEqual({ revision: 'abc', now: { title: 'x' }, by: 'ada', byId: 'act_1', at: '2026-11-21T20:00:00Z' })
  expect(theirsOf(new Problem(412, 'editing.removed', '', ''))?.revision).toBe(null)
  expect(theirsOf(new Problem(409, 'monitors.exists', '', '', values))).toBe(null)
  expect(onTopOf('abc')).toEqual({ 'if-match': '"abc"' })
})
