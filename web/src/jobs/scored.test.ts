/* Checkpoints as the curves tell them. */
import { expect, test } from 'vitest'
import { checkpointsOf } from './scored'

const at = '2026-01-01T00:00:00Z'

test('each scoring is one checkpoint with its scores, in order of the steps', () => {
  const found = checkpointsOf([
    { name: 'validation_exact_match', step: 20, value: 0.9, at },
    { name: 'validation_exact_match', step: 10, value: 0.5, at },
    { name: 'validation_answer_loss', step: 20, value: 0.1, at },
    { name: 'validation_runtime', step: 20, value: 3, at },
    { name: 'train_loss', step: 5, value: 2, at },
  ])

  expect(found).toEqual({
    names: ['exact_match', 'answer_loss'],
    checkpoints: [{ step: 10, values: { exact_match: 0.5 } }, { step: 20, values: { exact_match: 0.9, answer_loss: 0.1 } }],
  })
})
