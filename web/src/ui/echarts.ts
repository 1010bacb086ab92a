/* The part of ECharts we draw with. Only Chart.tsx imports it, so all of it stays in the lazy chunk. */
import { BarChart, LineChart, ScatterChart } from 'echarts/charts'
import { GridComponent, LegendComponent, MarkLineComponent, TooltipComponent } from 'echarts/components'
import { init, registerLocale, use, type EChartsCoreOption, type EChartsType } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'
import { dayNames, monthNames } from '../format/times'

use([BarChart, LineChart, ScatterChart, GridComponent, LegendComponent, MarkLineComponent, TooltipComponent, SVGRenderer])

const PAGE = 'PAGE'
// The types ask for all of it; what a locale leaves out is taken from ECharts' own English.
registerLocale(PAGE, { time: { month: monthNames('long'), monthAbbr: monthNames('short'), dayOfWeek: dayNames('long'), dayOfWeekAbbr: dayNames('short') } } as Parameters<typeof registerLocale>[1])

export type Option = EChartsCoreOption
export type Chart = EChartsType

export function loadEcharts(element: HTMLElement): EChartsType {
  return init(element, null, { renderer: 'svg', locale: PAGE })
}
