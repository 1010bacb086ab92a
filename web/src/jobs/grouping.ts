/* From a run's metric points to the charts that show them: curves of one quantity share a chart. Pure. */
import type { MetricPoint } from '../api/types'

export type Curve = { name: string; points: [step: number, value: number][] }
export type CurveGroup = { title: string; curves: Curve[] }

/** 'train_loss' and 'eval_loss' both measure 'loss'; a name without a known first part stands for itself. */
const PART = /^(?:train|eval|validation|valid|test)[_/](.+)$/

/** What the loss does is looked at first, how the optimiser steps last. */
function rank(title: string): number {
  if (title.includes('loss')) return 0
  return title === 'learning_rate' || title === 'gradient_norm' ? 2 : 1
}

export function groupCurves(points: readonly MetricPoint[]): CurveGroup[] {
  const groups = new Map<string, Map<string, Curve>>()
  for (const point of points) {
    const title = PART.exec(point.name)?.[1] ?? point.name
    const curves = groups.get(title) ?? new Map<string, Curve>()
    const curve = curves.get(point.name) ?? { name: point.name, points: [] }
    curve.points.push([point.step, point.value])
    curves.set(point.name, curve)
    groups.set(title, curves)
  }
  const named = [...groups].sort(([a], [b]) => rank(a) - rank(b) || a.localeCompare(b))
  return named.map(([title, curves]) => ({
    title: title.replaceAll('_', ' '),
    curves: [...curves.values()].map((curve) => ({ ...curve, points: curve.points.sort((a, b) => a[0] - b[0]) })),
  }))
}
