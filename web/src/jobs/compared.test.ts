/* Runs side by side. */
import { expect, test } from 'vitest'
import type { Run } from '../api/types'
import { linesOf, namesOf, overlaid } from './compared'

const run = (title: string, params: Record<string, unknown>): Run => ({ title, params }) as unknown as Run

test('what differs comes first, nested parameters by their path, and what a run lacks is none', () => {
  const runs = [run('a', { model: 'desk', recipe: { epochs: 2 } }), run('b', { model: 'desk', recipe: { epochs: 3, method: 'lora' } })]

  expect(linesOf(runs, ({ params }) => params)).toEqual([
    { name: 'recipe.epochs', values: ['2', '3'], differs: true },
    { name: 'recipe.method', values: [null, 'lora'], differs: true },
    { name: 'model', values: ['desk', 'desk'], differs: false },
  ])
})

test('curves of one name lie over each other, one for each run, losses first', () => {
  const at = '2026-01-01T00:00:00Z'
  const groups = overlaid([
    { name: 'one', points: [{ name: 'learning_rate', step: 1, value: 1, at }, { name: 'train_loss', step: 1, value: 0.9, at }] },
    { name: 'two', points: [{ name: 'train_loss', step: 1, value: 0.8, at }] },
  ])

  expect(groups.map(({ title, curves }) => [title, curves.map(({ name }) => name)])).toEqual([['train loss', ['one', 'two']], ['learning rate', ['one']]])
})

test('runs of one title are told apart', () => {
  expect(namesOf([run('Tune', {}), run('Other', {}), run('Tune', {})])).toEqual(['Tune (1)', 'Other', 'Tune (2)'])
})
