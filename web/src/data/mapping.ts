/* From a map's points to the series that a chart shows: one for each value, each with a shape of its own. Pure. */
import { plural, t } from '@lingui/core/macro'
import type { EmbeddingMap, MapPoint } from '../api/types'

export type ColourBy = 'label' | 'group' | 'part'
export type MapSeries = { name: string; symbol: string; points: MapPoint[] }

/** Beyond these, shapes repeat and say nothing: smaller values share the last one. */
export const SYMBOLS = ['circle', 'triangle', 'rect', 'diamond', 'pin', 'arrow'] as const
const LONGEST_NAME = 40
const OTHERS = 'path://M0,0 L2,0 L10,8 L10,10 L8,10 L0,2 Z M10,0 L10,2 L2,10 L0,10 L0,8 L8,0 Z'

export function seriesOf(map: EmbeddingMap, by: ColourBy): MapSeries[] {
  const names = new Map(map.groups.map(({ group, name }) => [group, `${group}: ${name}`]))
  const told = (point: MapPoint): string => (by === 'group' ? (names.get(point.group) ?? String(point.group)) : (point[by] ?? t`none`))
  const held = new Map<string, MapPoint[]>()
  for (const point of map.points) held.set(told(point), [...(held.get(told(point)) ?? []), point])
  const sorted = [...held].sort(([one, a], [other, b]) => b.length - a.length || one.localeCompare(other))
  const own = sorted.slice(0, SYMBOLS.length)
  const rest = sorted.slice(SYMBOLS.length)
  const series: MapSeries[] = own.map(([name, points], at) => ({ name: short(name, at), symbol: SYMBOLS[at] ?? 'circle', points }))
  if (rest.length > 0) series.push({ name: plural(rest.length, { one: '# other', other: '# others' }), symbol: OTHERS, points: rest.flatMap(([, points]) => points) })
  return series
}

/** A name that fits its place in the key; two that begin alike are told apart by a number. */
function short(name: string, at: number): string {
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}… (${at + 1})` : name
}
