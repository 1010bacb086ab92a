import { QueryClient, QueryObserver } from '@tanstack/react-query'
import { expect, test } from 'vitest'
import type { ComparisonReport } from '../api/types'
import { comparisonQuery } from './queries'

const REPORT: ComparisonReport = { baseline_id: 'exp_a', candidate_id: 'exp_c', comparisons: [], changes: [], only_in_one: 0 } as unknown as ComparisonReport

function shown(next: ReturnType<typeof comparisonQuery>): ComparisonReport | undefined {
  const requests = new QueryClient()
  requests.setQueryData(comparisonQuery('exp_a', 'exp_c', {}).queryKey, REPORT)
  const seen = new QueryObserver(requests, comparisonQuery('exp_a', 'exp_c', {}))
  seen.setOptions(next)
  return seen.getCurrentResult().data
}

test('while another margin is asked for, what is known of the same two stays in sight', () => {
  expect(shown(comparisonQuery('exp_a', 'exp_c', { margin: 0.02 }))).toBe(REPORT)
})

test('a verdict over one experiment is never shown as that over another', () => {
  expect(shown(comparisonQuery('exp_b', 'exp_c', {}))).toBeUndefined()
  expect(shown(comparisonQuery('exp_a', 'exp_d', {}))).toBeUndefined()
})
