import { expect, test } from 'vitest'
import { askedInWords, baselineInWords } from './gating'

const PLAIN = { margin: 0.02, least_scored: 0, alpha: 0.05 }

test('all that a gate asked is told', () => {
  expect(askedInWords({ ...PLAIN, require: 'better' })).toBe('Better than the baseline, at level 5 %.')
  expect(askedInWords({ require: 'not worse', margin: 0.01, also_better: 'answer_cost', least_scored: 0.9, minimum_score: 0.8, alpha: 0.1 })).toBe(
    'Not worse than the baseline by more than 1.0 %, better in answer cost too, a mean of at least 80.0 %, or at most that where less is better, a score of both for at least 90.0 % of the rows, at level 10 %.',
  )
  expect(askedInWords({ ...PLAIN, require: 'equivalent' })).toBe('Within 2.0 % of the baseline either way, at level 5 %.')
})

test('a baseline that nothing serves says nothing of what serves', () => {
  expect(baselineInWords({})).toBeNull()
  expect(baselineInWords({ baseline_serves: [] })).toContain('says nothing of what serves')
  expect(baselineInWords({ baseline_serves: ['support'] })).toBe('The baseline served behind support when the gate was evaluated.')
})
