/* The colours of charts in both schemes, and the parts of an option that every chart shares. Series also differ by dash, so
   that they can be told apart without colour. */
import { significant } from '../format/numbers'
import type { Option } from './echarts'

export type Palette = { series: string[]; ink: string; dim: string; line: string; surface: string; good: string; bad: string }

const LIGHT: Palette = {
  series: ['#13636e', '#b0561c', '#5a4a9c', '#23683a', '#8a3a66', '#7d5200'],
  ink: '#17201f', dim: '#5a6765', line: '#d9e0de', surface: '#ffffff', good: '#23683a', bad: '#a3262c',
}
const DARK: Palette = {
  series: ['#7cb9c1', '#e79a5e', '#b3a5ee', '#86cf9a', '#dd93ba', '#e6b95a'],
  ink: '#dde5e4', dim: '#9aa7a6', line: '#313d3b', surface: '#1b2322', good: '#86cf9a', bad: '#f0908f',
}

export const DASHES = ['solid', 'dashed', 'dotted', [8, 3, 2, 3], [12, 4], [2, 6]] as const

export function paletteOf(scheme: 'light' | 'dark'): Palette {
  return scheme === 'dark' ? DARK : LIGHT
}

type Part = Record<string, unknown>

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif'

const SIDES = { left: 8, right: 16 }
/* ECharts makes room for labels before it knows which ones it will show: a time at an axis' very end needs room of its own. */
const TIME_SIDES = { left: 20, right: 28 }

/** Add colours, fonts, grid, tooltip and axes to an option; what the option says itself wins. */
export function themed(option: Option, palette: Palette, moving: boolean): Option {
  const series = (option['series'] as Part[] | undefined) ?? []
  return {
    animation: moving,
    animationDuration: 250,
    color: palette.series,
    // ECharts measures text itself, so it needs the font's real name.
    textStyle: { fontFamily: FONT, color: palette.ink },
    tooltip: {
      trigger: 'axis', confine: true, backgroundColor: palette.surface, borderColor: palette.line,
      textStyle: { color: palette.ink, fontSize: 12 }, axisPointer: { lineStyle: { color: palette.dim } },
    },
    ...option,
    series: series.map((one) => toned(one, palette)),
    grid: { ...(isTime(option['xAxis']) ? TIME_SIDES : SIDES), top: series.length > 1 ? 34 : 14, bottom: named(option['xAxis']) ? 26 : 6, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel', ...(option['grid'] as Part) },
    legend: series.length > 1
      ? { top: 0, left: 0, itemWidth: 28, itemHeight: 8, textStyle: { color: palette.ink, fontSize: 12 }, ...(option['legend'] as Part) }
      : undefined,
    xAxis: axis(option['xAxis'] as Part, palette),
    yAxis: axis(option['yAxis'] as Part, palette),
  }
}

/** A series may ask for a tone by name, since it cannot know the scheme. */
function toned(series: Part, palette: Palette): Part {
  const tone = series['tone']
  const line = series['markLine'] as Part | undefined
  const label = series['label'] as Part | undefined
  return {
    ...series,
    ...(tone === 'good' || tone === 'bad' ? { color: palette[tone] } : {}),
    ...(label ? { label: { ...label, color: palette.ink, textBorderWidth: 0 } } : {}),
    ...(line ? { markLine: { ...line, label: { ...(line['label'] as Part), color: palette.ink, textBorderWidth: 0 } } } : {}),
  }
}

function isTime(said: unknown): boolean {
  return (said as Part | undefined)?.['type'] === 'time'
}

function named(said: unknown): boolean {
  return typeof said === 'object' && said !== null && 'name' in said
}

function axis(said: Part | undefined, palette: Palette): Part {
  return {
    nameLocation: 'middle',
    nameGap: 22,
    nameTextStyle: { color: palette.dim, fontSize: 11 },
    axisLine: { lineStyle: { color: palette.line } },
    axisTick: { show: false },
    splitLine: { lineStyle: { color: palette.line, type: 'dotted' } },
    ...said,
    axisLabel: { color: palette.dim, fontSize: 11, hideOverlap: true, ...(said?.['type'] === 'value' && { formatter: (value: number) => significant(value, 6) }), ...(said?.['axisLabel'] as Part) },
  }
}
