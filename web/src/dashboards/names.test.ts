/* A chart has a name that an address takes, whatever it is called. */
import { expect, test } from 'vitest'
import { namesOf } from './names'

const signal = { metric: 'latency_p95' }

test('a name is made of the title, and numbered', () => {
  expect(namesOf({ title: 'Coût par modèle (USD)', signal }).slice(0, 3)).toEqual(['cout-par-modele-usd', 'cout-par-modele-usd-2', 'cout-par-modele-usd-3'])
})

test('a title that no address takes, or none, leaves the figure', () => {
  expect(namesOf({ title: 'Задержка', signal })[0]).toBe('latency-p95')
  expect(namesOf({ title: '', signal })[1]).toBe('latency-p95-2')
  expect(namesOf({ title: '…', signal: {} })[0]).toBe('chart')
})

test('every name is one that the server takes', () => {
  for (const title of ['x'.repeat(200), `${'x'.repeat(59)}-y`, '--a--', '1', 'ß']) for (const name of namesOf({ title, signal })) expect(name).toMatch(/^[a-z0-9][a-z0-9-]{0,59}$/)
})
