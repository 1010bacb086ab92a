/* What a monitor saw, window by window: the value, where it would have been well, and the moment it fired. */
import { t } from '@lingui/core/macro'
import { useMemo } from 'react'
import type { Monitor, WindowSeen } from '../api/types'
import { count, significant } from '../format/numbers'
import { exact } from '../format/times'
import { Figure } from '../ui/Figure'
import { DASHES } from '../ui/palette'
import { Status } from '../ui/Status'
import { figure, watchedInWords } from './words'

type SeenProps = {
  monitor: Monitor
  windows: readonly WindowSeen[]
  /** Of which alert the moments are marked, and whose words stand above. */
  firedAt?: string
  resolvedAt?: string | null
}

export function Seen({ monitor, windows, firedAt, resolvedAt }: SeenProps) {
  const isDrift = monitor.rule.kind === 'drift'
  const metric = monitor.signal.metric ?? 'requests'
  const say = useMemo(
    () => (value: number | null | undefined): string => (isDrift ? (value == null ? t`no data` : `p = ${significant(value, 2)}`) : figure(metric, value)),
    [isDrift, metric],
  )
  const option = useMemo(() => {
    const at = (pick: (window: WindowSeen) => number | null) => windows.map((window) => [Date.parse(window.ends_at), pick(window)])
    const limit = (name: string, pick: (window: WindowSeen) => number | null) =>
      windows.some((window) => pick(window) != null)
        ? [{ name, type: 'line', step: 'end', showSymbol: false, lineStyle: { type: DASHES[1], width: 1.5 }, data: at(pick) }]
        : []
    const begin = Date.parse(windows[0]?.ends_at ?? '')
    const length = Date.parse(windows.at(-1)?.ends_at ?? '') - begin
    // Each word stands away from the other and from the figures of the axis.
    const moment = (iso: string, word: string, isLeft: boolean) => {
      const share = (Date.parse(iso) - begin) / length
      return { xAxis: Date.parse(iso), label: { formatter: word, align: (isLeft && share > 0.1) || share > 0.9 ? 'right' : 'left' } }
    }
    const moments = [firedAt && moment(firedAt, t`fired`, true), resolvedAt && moment(resolvedAt, t`over`, false)].filter(Boolean)
    return {
      xAxis: { type: 'time' },
      yAxis: { type: 'value', scale: isDrift, axisLabel: { formatter: (value: number) => say(value).replace(/[.,]0 %$/, ' %') } },
      grid: { top: 44 },
      legend: { itemStyle: { opacity: 0 } },
      tooltip: { trigger: 'axis', confine: true, valueFormatter: (value: unknown) => say(value as number | null) },
      series: [
        {
          name: isDrift ? t`Smallest p-value` : t`Value`, type: 'line', showSymbol: windows.length <= 60, symbolSize: 5, data: at((window) => window.value),
          markLine: moments.length === 0 ? undefined : { silent: true, symbol: 'none', animation: false, lineStyle: { type: 'solid', width: 1.5, opacity: 0.7 }, label: { position: 'end', fontSize: 11 }, data: moments },
        },
        ...limit(t`Well up to`, (window) => window.expected_high),
        ...limit(t`Well from`, (window) => window.expected_low),
      ],
    }
  }, [windows, firedAt, resolvedAt, isDrift, say])
  const told = windows.find((window) => window.ends_at === firedAt) ?? windows.at(-1)
  return (
    <Figure
      title={watchedInWords(monitor.signal, isDrift)}
      words={[t`Windows of ${monitor.window_minutes} min.`, told && `${exact(told.starts_at)}: ${told.words}.`].filter(Boolean).join(' ')}
      option={option}
      height={240}
      rows={[...windows].reverse()}
      columns={[
        { head: t`Window`, cell: (window) => exact(window.starts_at) },
        { head: t`Value`, cell: (window) => say(window.value), numeric: true },
        { head: t`Spans`, cell: (window) => count(window.spans), numeric: true },
        { head: t`Verdict`, cell: (window) => <Status state={window.verdict} /> },
        { head: t`Why`, cell: (window) => window.words, wide: true },
      ]}
    />
  )
}
