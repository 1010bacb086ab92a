/* Names that point at versions: a model's aliases, a prompt's labels. With a version, only those that point at it. */
import { t } from '@lingui/core/macro'
import { Tag } from './Status'

export function Pointers({ pointers, version }: { pointers: Record<string, number>; version?: number }) {
  const shown = Object.entries(pointers).filter(([, at]) => version === undefined || at === version)
  if (shown.length === 0) return <span className="dim">{t`none`}</span>
  return (
    <span className="row" style={{ gap: '0.3rem' }}>
      {shown.map(([name, at]) => <Tag key={name} tone="live">{version === undefined ? `${name} → v${at}` : name}</Tag>)}
    </span>
  )
}
