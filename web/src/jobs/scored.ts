/* The moments at which a training run scored itself and kept a checkpoint, from its curves. Pure. */
import type { MetricPoint } from '../api/types'

export type Checkpoint = { step: number; values: Record<string, number> }

const SCORED = /^(?:validation|eval)_(.+)$/

/** What is worth a column: scores, and not how long the scoring took. */
const LEFT_OUT = /(?:runtime|per_second)$/

export function checkpointsOf(points: readonly MetricPoint[]): { names: string[]; checkpoints: Checkpoint[] } {
  const held = new Map<number, Checkpoint>()
  const names: string[] = []
  for (const { name, step, value } of points) {
    const told = SCORED.exec(name)?.[1]
    if (told === undefined || LEFT_OUT.test(told)) continue
    if (!names.includes(told)) names.push(told)
    const checkpoint = held.get(step) ?? { step, values: {} }
    checkpoint.values[told] = value
    held.set(step, checkpoint)
  }
  return { names, checkpoints: [...held.values()].sort((a, b) => a.step - b.step) }
}
