/* How a rollout is to go, as a form holds it: its steps and the bake after the last. What nobody touched is left to the server. Pure. */
import type { Body, Forecast } from '../api/types'
import { sh } from '../format/shell'

type NewPlan = NonNullable<Body<'/api/v1/rollouts', 'post'>['plan']>
type Step = NonNullable<NewPlan['steps']>[number]
/** What of a plan is sent: the server has a usual value for everything else. */
export type Plan = { steps?: Step[]; bake?: Partial<NonNullable<NewPlan['bake']>> }

export type StepDraft = { percent: number | ''; units: number | ''; minutes: number | '' }
export type PlanDraft = {
  /** Null leaves them to the server. */
  steps: StepDraft[] | null
  bakes: boolean
  /** Left empty, the server's. */
  bakeMinutes: number | ''
  bakeUnits: number | ''
}

export const USUAL: PlanDraft = { steps: null, bakes: false, bakeMinutes: '', bakeUnits: '' }
const MINUTE = 60

export const stepsOf = ({ plan }: Pick<Forecast, 'plan'>): StepDraft[] =>
  (plan.steps ?? []).map(({ weight, min_units, min_seconds }) => ({ percent: tidy(weight * 100), units: min_units, minutes: tidy(min_seconds / MINUTE) }))

/** Whether the server would take it: each share larger than the one before, and below the whole. */
export const isWhole = ({ steps }: PlanDraft): boolean =>
  steps === null || steps.every(({ percent, units }, at) => percent !== '' && percent > (at === 0 ? 0 : Number(steps[at - 1]?.percent)) && percent < 100 && units !== '')

/** What a draft asks for; undefined where it leaves everything to the server. */
export function planOf({ steps, bakes, bakeMinutes, bakeUnits }: PlanDraft): Plan | undefined {
  if (steps === null && !bakes) return undefined
  return {
    ...(steps && { steps: steps.map(({ percent, units, minutes }) => ({ weight: tidy(Number(percent) / 100), min_units: Number(units), min_seconds: tidy(Number(minutes) * MINUTE) })) }),
    ...(bakes && { bake: { ...(bakeMinutes !== '' && { seconds: tidy(bakeMinutes * MINUTE) }), ...(bakeUnits !== '' && { min_units: bakeUnits }) } }),
  }
}

/** One more step: half way from the last to all traffic, and as long as it. */
export function withStep(steps: readonly StepDraft[]): StepDraft[] {
  const last = steps.at(-1) ?? { percent: 0, units: 1, minutes: 0 }
  return [...steps, { ...last, percent: tidy(50 + Number(last.percent) / 2) }]
}

export function commandOf(endpoint: string, releaseId: string, plan: Plan | undefined): string {
  const start = sh`treadle rollout start ${endpoint} ${releaseId || 'RELEASE'}`
  return plan === undefined ? start : `${sh`echo ${JSON.stringify(plan)}`} | ${start} --plan -`
}

export function pythonOf(endpoint: string, releaseId: string, plan: Plan | undefined): string {
  const told = `(${JSON.stringify(endpoint)}, ${JSON.stringify(releaseId)}${plan === undefined ? '' : ', plan=plan'})`
  const made = plan === undefined ? [] : ['from treadle.releases.rollouts.plans.types import Plan', '', `plan = Plan.model_validate(${JSON.stringify(plan)})`]
  return [...made, `client.rollouts.forecast${told}`, `client.rollouts.start${told}`].join('\n')
}

/** 0.29 * 100 is 29. */
const tidy = (value: number): number => Number(value.toPrecision(12))
