/* Labels of a time axis stay within the picture, whatever time it begins and ends with. */
import { LineChart } from 'echarts/charts'
import { GridComponent, LegendComponent, TooltipComponent } from 'echarts/components'
import { init, use } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'
import { expect, test } from 'vitest'
import { paletteOf, themed } from './palette'

use([LineChart, GridComponent, LegendComponent, TooltipComponent, SVGRenderer])

const MINUTE = 60_000
const UNTIL = Date.UTC(2026, 10, 22, 7, 48, 30)

function cutOff(span: number, until: number, width: number, data: [number, number | null][]): string[] {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height: 190 })
  const option = { xAxis: { type: 'time', min: until - span, max: until }, yAxis: { type: 'value', min: 0 }, series: [{ type: 'line', data }] }
  chart.setOption(themed(option, paletteOf('light'), false))
  const texts = chart.getZr().storage.getDisplayList(true).filter((shown) => shown.type === 'tspan')
  const cut = texts.filter((text) => {
    const place = text.getBoundingRect().clone()
    const moved = text.getComputedTransform()
    if (moved) place.applyTransform(moved)
    return place.x < -1 || place.x + place.width > width + 1
  })
  chart.dispose()
  expect(texts.length).toBeGreaterThan(0)
  return cut.map((text) => String((text.style as { text?: string }).text))
}

test.each([15, 60, 6 * 60, 24 * 60, 30 * 24 * 60])('labels over %i minutes are within the picture', (minutes) => {
  const span = minutes * MINUTE
  for (const width of [120, 150, 200, 240, 280, 420, 700])
    for (let at = 0; at < 20; at++) {
      const until = UNTIL + (at * span) / 31
      expect(cutOff(span, until, width, []), `empty, ${width} wide, ${at}`).toEqual([])
      expect(cutOff(span, until, width, [[until - span / 2, null], [until - span / 3, 2_500_000]]), `${width} wide, ${at}`).toEqual([])
    }
})
