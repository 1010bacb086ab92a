/* What guards found on a span and did about it; never the text. */
import { t } from '@lingui/core/macro'
import type { Span } from '../api/types'
import { count, duration } from '../format/numbers'
import { DataTable } from '../ui/DataTable'
import { Section } from '../ui/Page'
import { Tag, type Tone } from '../ui/Status'
import { guardsOf, matters, outcomeOf, type GuardSeen } from './guarding'

export function Guards({ span }: { span: Span }) {
  const seen = guardsOf(span)
  if (seen.length === 0) return null
  return (
    <Section title={t`Guards`}>
      <DataTable
        caption={t`Guards`}
        rows={seen}
        rowKey={(each, index) => `${each.guard} ${index}`}
        columns={[
          { head: t`Guard`, cell: (each) => each.guard },
          { head: t`Check`, cell: (each) => <>{each.check} <span className="dim">{t`on ${each.stage}`}</span></> },
          { head: t`Outcome`, cell: (each) => <Tag tone={toneOf(each)}>{outcomeOf(each)}</Tag> },
          { head: t`Found`, wide: true, cell: (each) => found(each) || <span className="dim">{t`nothing`}</span> },
          { head: t`Took`, cell: (each) => (each.costMs != null && each.costMs < 0.1 ? `< ${duration(0.1)}` : duration(each.costMs)), numeric: true },
        ]}
      />
    </Section>
  )
}

function found(seen: GuardSeen): string {
  return seen.kinds.map(([kind, times]) => (times === 1 ? kind : t`${kind}, ${count(times)} times`)).join('; ')
}

function toneOf(seen: GuardSeen): Tone {
  if (!matters(seen)) return 'idle'
  return seen.action === 'block' && !seen.late ? 'bad' : 'warn'
}
