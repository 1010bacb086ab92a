import { expect, test } from 'vitest'
import { foundFor, heldTo, placesFor, stepTo, tracesFor } from './entries'

test('a place is found by a part of its name and by its group', () => {
  expect(placesFor('trac').map((entry) => entry.to)).toEqual(['/traces'])
  expect(placesFor('train').map((entry) => entry.to)).toEqual(['/runs', '/models'])
})

test('a name means the thing, a name with a number one of its versions', () => {
  const nodes = [{ node_id: 'dsv_1', kind: 'dataset version', title: 'desk/ü v3' }, { node_id: 'rel_1', kind: 'release', title: 'desk v2' }, { node_id: 'cal_1', kind: 'calibration', title: 'no page' }]
  expect(foundFor('desk', nodes).map((entry) => [entry.label, entry.to])).toEqual([['desk/ü', '/datasets/desk%2F%C3%BC'], ['desk v2', '/releases/rel_1']])
  expect(foundFor('desk/ü v3', nodes.slice(0, 1)).map((entry) => entry.to)).toEqual(['/datasets/desk%2F%C3%BC/versions/3'])
})

test('an id of a trace opens it, words search for it, nothing does neither', () => {
  expect(tracesFor(' 01A1FC101C1599530E9C47EEA008804B')[0]?.to).toBe('/traces/01a1fc101c1599530e9c47eea008804b')
  expect(tracesFor('lost & found')[0]?.to).toBe('/traces?text=lost%20%26%20found')
  expect(tracesFor(' ')).toEqual([])
})

test('a held Enter goes to what was found and to nothing else', () => {
  const found = { key: 'thing prm_1', label: 'signing', kind: 'prompt', to: '/prompts/signing' }
  const deed = { key: 'out', label: 'Sign out', kind: 'you', to: () => undefined }

  expect(heldTo([found, deed], 0, false)).toBe(found)
  expect(heldTo([deed], 0, false)).toBe(undefined)
  expect(heldTo(placesFor('train'), 0, false)).toBe(undefined)
  expect(heldTo([found], 0, true)).toBe(undefined)
})

test('arrows go around the ends', () => {
  expect(stepTo(0, -1, 3)).toBe(2)
  expect(stepTo(2, 1, 3)).toBe(0)
  expect(stepTo(0, 1, 0)).toBe(0)
})
