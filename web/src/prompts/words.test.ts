import { expect, test } from 'vitest'
import { packsInWords, policyInWords } from './words'

test('what a label takes is told, also where nothing was said of it', () => {
  expect(policyInWords(undefined)).toBe('Whoever may publish moves it')
  const free = { needs_safety: false, safety_packs: [], safety_least_held: 0.9 }
  const safety = { needs_safety: true, safety_packs: ['injection', 'leakage'], safety_least_held: 0.9, safety_endpoints: null } satisfies NonNullable<Parameters<typeof policyInWords>[0]>
  expect(policyInWords(safety)).toBe('A safety evaluation in which at least 90.0 % of the attempts of injection and leakage held; whoever may publish moves it')
  expect(policyInWords({ ...safety, safety_least_held: 1, safety_endpoints: ['plain', 'support'] })).toBe('A safety evaluation in which every attempt of injection and leakage held, asked through plain or support; whoever may publish moves it')
  expect(policyInWords({ ...free, roles: ['owner', 'admin'] })).toBe('Moved by owner or admin only')
  expect(policyInWords({ ...safety, roles: [], safety_packs: ['jailbreak'] })).toBe('A safety evaluation in which at least 90.0 % of the attempts of jailbreak held; nobody moves it')
})

test('packs that could not be judged are no zero', () => {
  expect(packsInWords({ packs: { injection: 1, leakage: null } })).toBe('injection 100.0 %, leakage not judged')
})
