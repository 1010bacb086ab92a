/* What a form's plan sends, and what it leaves to the server. */
import { expect, test } from 'vitest'
import { commandOf, isWhole, planOf, pythonOf, stepsOf, USUAL, withStep } from './plan'

const STEPS = [{ percent: 7, units: 20, minutes: 0.5 }, { percent: 29, units: 50, minutes: '' as const }]

test('what nobody touched is left to the server', () => {
  expect(planOf(USUAL)).toBeUndefined()
  expect(planOf({ ...USUAL, bakes: true })).toEqual({ bake: {} })
  expect(commandOf('support', 'rel_1', undefined)).toBe('treadle rollout start support rel_1')
})

test('steps are shares of units and seconds', () => {
  const plan = planOf({ steps: STEPS, bakes: true, bakeMinutes: 90, bakeUnits: 10 })
  expect(plan).toEqual({ steps: [{ weight: 0.07, min_units: 20, min_seconds: 30 }, { weight: 0.29, min_units: 50, min_seconds: 0 }], bake: { seconds: 5400, min_units: 10 } })
  expect(commandOf('support', '', { bake: {} })).toBe(`echo '{"bake":{}}' | treadle rollout start support RELEASE --plan -`)
  expect(pythonOf('support', 'rel_1', { bake: {} })).toContain('plan = Plan.model_validate({"bake":{}})\nclient.rollouts.forecast("support", "rel_1", plan=plan)')
})

test('the steps of the server become a draft that asks for the same', () => {
  const steps = [{ weight: 0.29, min_units: 20, min_seconds: 90 }]
  expect(planOf({ ...USUAL, steps: stepsOf({ plan: { steps } as Parameters<typeof stepsOf>[0]['plan'] }) })).toEqual({ steps })
})

test('shares rise and stay below the whole, also that of a step that is added', () => {
  expect(isWhole(USUAL)).toBe(true)
  for (const steps of [STEPS, withStep(STEPS), withStep(withStep([]))]) expect(isWhole({ ...USUAL, steps })).toBe(true)
  for (const percent of [7, 5, 100, '' as const]) expect(isWhole({ ...USUAL, steps: [...STEPS.slice(0, 1), { percent, units: 1, minutes: 0 }] })).toBe(false)
  expect(isWhole({ ...USUAL, steps: [{ percent: 5, units: '', minutes: 0 }] })).toBe(false)
})
