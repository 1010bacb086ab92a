/* Curves of one quantity share a chart, in order of their steps. */
import { expect, test } from 'vitest'
import { groupCurves } from './grouping'

const at = '2026-01-01T00:00:00Z'

test('training and evaluation loss share a chart, the learning rate has its own', () => {
  const groups = groupCurves([
    { name: 'train_loss', step: 2, value: 0.5, at },
    { name: 'train_loss', step: 1, value: 0.9, at },
    { name: 'eval_loss', step: 2, value: 0.6, at },
    { name: 'learning_rate', step: 1, value: 0.002, at },
  ])

  expect(groups.map((group) => group.title)).toEqual(['loss', 'learning rate'])
  expect(groups[0]?.curves).toEqual([
    { name: 'train_loss', points: [[1, 0.9], [2, 0.5]] },
    { name: 'eval_loss', points: [[2, 0.6]] },
  ])
})
