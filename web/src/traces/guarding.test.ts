/* What guards did is read from a span as the gateway writes it, and nothing breaks on what others write there. */
import { expect, test } from 'vitest'
import { guardsOf, outcomeOf } from './guarding'

const idle = { guard: 'keys', check: 'secrets', stage: 'input', action: 'block', kinds: {}, cost_us: 21 }
const hit = { guard: 'mail', check: 'pii', stage: 'input', action: 'mask', kinds: { EMAIL: 2 }, cost_us: 43 }
const late = { guard: 'topics', check: 'topics', stage: 'output', action: 'block', kinds: {}, cost_us: 1e6, late: true }

test('what found something or was late comes before what found nothing', () => {
  const seen = guardsOf({ attributes: { 'treadle.guards': [idle, hit, late] } })
  expect(seen.map((each) => [each.guard, outcomeOf(each)])).toEqual([['mail', 'masked'], ['topics', 'no verdict in time'], ['keys', 'found nothing']])
  expect(seen[0]?.kinds).toEqual([['EMAIL', 2]])
  expect(seen[0]?.costMs).toBe(0.043)
})

test('a span without guards, or with something else under the name, has none', () => {
  expect(guardsOf({ attributes: {} })).toEqual([])
  expect(guardsOf({ attributes: { 'treadle.guards': 'none' } })).toEqual([])
  expect(guardsOf({ attributes: { 'treadle.guards': [7, null] } })).toEqual([])
})
