/* ECharts as one lazy chunk, drawn as SVG so that it prints and scales. Hidden from assistive technology: Figure puts the same
   numbers into a table beside it. */
import { useMantineColorScheme, useComputedColorScheme } from '@mantine/core'
import { useReducedMotion } from '@mantine/hooks'
import { useEffect, useRef } from 'react'
import { loadEcharts, type Chart as Drawn, type Option } from './echarts'
import { paletteOf, themed } from './palette'

export type { Option }

export type Pick = (series: number, point: number) => void

export default function Chart({ option, height, onPick }: { option: Option; height: number; onPick?: Pick | undefined }) {
  const place = useRef<HTMLDivElement>(null)
  const drawn = useRef<Drawn | null>(null)
  const { colorScheme } = useMantineColorScheme()
  const scheme = useComputedColorScheme('light')
  const still = useReducedMotion()
  const picked = useRef(onPick)
  picked.current = onPick

  useEffect(() => {
    const element = place.current
    if (!element) return undefined
    const chart = loadEcharts(element)
    drawn.current = chart
    chart.on('click', ({ seriesIndex, dataIndex }) => {
      if (seriesIndex !== undefined) picked.current?.(seriesIndex, dataIndex)
    })
    const watch = new ResizeObserver(() => chart.resize())
    watch.observe(element)
    return () => {
      watch.disconnect()
      chart.dispose()
      drawn.current = null
    }
  }, [])

  useEffect(() => {
    drawn.current?.setOption(themed(option, paletteOf(scheme), !still), { notMerge: true })
  }, [option, scheme, colorScheme, still])

  return <div ref={place} style={{ width: '100%', height, overflow: 'hidden' }} aria-hidden="true" />
}
