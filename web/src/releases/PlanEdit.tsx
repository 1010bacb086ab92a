/* How a rollout is to go: the candidate's share step by step, and a bake after the last. What stands there at first is the server's. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Checkbox, NumberInput } from '@mantine/core'
import type { Forecast } from '../api/types'
import { DataTable } from '../ui/DataTable'
import { isWhole, stepsOf, withStep, type PlanDraft, type StepDraft } from './plan'

/** The server takes no more. */
const MOST_STEPS = 20

type PlanEditProps = {
  draft: PlanDraft
  set: (part: Partial<PlanDraft>) => void
  /** What the server does where nothing is said. */
  usual: Forecast
  /** What it says of the draft, where it was asked. */
  said: Forecast | undefined
}

export function PlanEdit({ draft, set, usual, said }: PlanEditProps) {
  const steps = draft.steps ?? stepsOf(usual)
  const change = (at: number, part: Partial<StepDraft>): void => set({ steps: steps.map((step, place) => (place === at ? { ...step, ...part } : step)) })
  const bake = said?.plan.bake
  return (
    <>
      <DataTable
        caption={t`Steps of the plan`}
        rows={steps.map((step, at) => ({ ...step, at }))}
        rowKey={({ at }) => String(at)}
        columns={[
          { head: t`Step`, cell: ({ at }) => at + 1, numeric: true },
          { head: t`Share (%)`, cell: ({ at, percent }) => <NumberInput size="xs" w={76} aria-label={t`Candidate’s share in step ${at + 1} (%)`} min={0.1} max={99.9} decimalScale={1} clampBehavior="none" value={percent} onChange={(value) => change(at, { percent: numberOf(value) })} /> },
          { head: t`Units at least`, cell: ({ at, units }) => <NumberInput size="xs" w={82} aria-label={t`Candidate units at least in step ${at + 1}`} min={1} allowDecimal={false} value={units} onChange={(value) => change(at, { units: numberOf(value) })} /> },
          { head: t`Minutes at least`, cell: ({ at, minutes }) => <NumberInput size="xs" w={82} aria-label={t`Minutes at least in step ${at + 1}`} min={0} decimalScale={2} value={minutes} onChange={(value) => change(at, { minutes: numberOf(value) })} /> },
          { head: t`Remove`, headCell: <span className="hidden-visually">{t`Remove`}</span>, cell: ({ at }) => steps.length > 1 && <Button size="compact-xs" variant="subtle" onClick={() => set({ steps: steps.filter((_, place) => place !== at) })}><Trans>Remove<span className="hidden-visually"> step {at + 1}</span></Trans></Button> },
        ]}
      />
      {!isWhole({ ...draft, steps }) && <p role="alert">{t`Each share is larger than the one before and below 100 %, and each step has seen at least one unit.`}</p>}
      <div className="row">
        <Button size="xs" variant="default" disabled={steps.length >= MOST_STEPS} onClick={() => set({ steps: withStep(steps) })}>{t`Add a step`}</Button>
        {draft.steps !== null && <Button size="xs" variant="subtle" onClick={() => set({ steps: null })}>{t`The usual steps`}</Button>}
      </div>
      <Checkbox label={t`Bake after the last step`} description={t`For a while all traffic goes to it and what serves now stays warm. Without it the end of the last step promotes.`} checked={draft.bakes} onChange={(event) => set({ bakes: event.currentTarget.checked })} />
      {draft.bakes && (
        <div className="row" style={{ alignItems: 'flex-start' }}>
          <NumberInput label={t`Minutes of bake at least`} w={190} min={0} decimalScale={2} placeholder={bake ? String(bake.seconds / 60) : ''} value={draft.bakeMinutes} onChange={(value) => set({ bakeMinutes: numberOf(value) })} />
          <NumberInput label={t`Units in it at least`} w={190} min={1} allowDecimal={false} placeholder={bake ? String(bake.min_units) : ''} value={draft.bakeUnits} onChange={(value) => set({ bakeUnits: numberOf(value) })} />
        </div>
      )}
    </>
  )
}

const numberOf = (value: string | number): number | '' => (value === '' ? '' : Number(value))
