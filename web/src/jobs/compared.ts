/* Runs side by side: what each was asked and what came of it, differences first, and their curves over each other. Pure. */
import type { MetricPoint, Run } from '../api/types'
import { groupCurves, type CurveGroup } from './grouping'

/** Colours and dashes of curves repeat beyond these. */
export const MOST_COMPARED = 6

export type ComparedLine = { name: string; values: (string | null)[]; differs: boolean }

/** Nested objects as 'recipe.epochs'; lists and everything else as JSON. Null where a run has no such name. */
export function flat(value: Record<string, unknown>, before = ''): Map<string, string> {
  const found = new Map<string, string>()
  for (const [name, held] of Object.entries(value)) {
    if (typeof held === 'object' && held !== null && !Array.isArray(held)) for (const [inner, said] of flat(held as Record<string, unknown>, `${before}${name}.`)) found.set(inner, said)
    else found.set(`${before}${name}`, typeof held === 'string' ? held : (JSON.stringify(held) ?? 'null'))
  }
  return found
}

export function linesOf(runs: readonly Run[], of: (run: Run) => Record<string, unknown>): ComparedLine[] {
  const told = runs.map((run) => flat(of(run)))
  const names = [...new Set(told.flatMap((one) => [...one.keys()]))]
  const lines = names.map((name): ComparedLine => {
    const values = told.map((one) => one.get(name) ?? null)
    return { name, values, differs: new Set(values).size > 1 }
  })
  return lines.sort((one, other) => Number(other.differs) - Number(one.differs))
}

/** One group for each measured name, with a curve for each run that has it. */
export function overlaid(named: readonly { name: string; points: readonly MetricPoint[] }[]): CurveGroup[] {
  const groups = new Map<string, CurveGroup>()
  for (const run of named)
    for (const group of groupCurves(run.points))
      for (const curve of group.curves) {
        const title = curve.name.replaceAll('_', ' ')
        const held = groups.get(title) ?? { title, curves: [] }
        held.curves.push({ name: run.name, points: curve.points })
        groups.set(title, held)
      }
  const rank = (title: string): number => (title.includes('loss') ? 0 : title.includes('learning rate') || title.includes('gradient') ? 2 : 1)
  return [...groups.values()].sort((a, b) => rank(a.title) - rank(b.title) || a.title.localeCompare(b.title))
}

/** A short name for each run: its title, with a number where titles repeat. */
export function namesOf(runs: readonly Run[]): string[] {
  const seen = new Map<string, number>()
  const total = new Map<string, number>()
  for (const { title } of runs) total.set(title, (total.get(title) ?? 0) + 1)
  return runs.map(({ title }) => {
    seen.set(title, (seen.get(title) ?? 0) + 1)
    return total.get(title) === 1 ? title : `${title} (${seen.get(title)})`
  })
}
