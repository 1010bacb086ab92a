/* Sessions or users as a table: what their traces came to. What is not known of cost is said, never counted as nothing. */
import { t } from '@lingui/core/macro'
import { Link } from '@tanstack/react-router'
import type { Party } from '../api/types'
import { count, measure, usd } from '../format/numbers'
import { DataTable } from '../ui/DataTable'
import { Status, Tag } from '../ui/Status'
import { When } from '../ui/When'

export function Parties({ rows, of }: { rows: Party[]; of: 'session' | 'user' }) {
  return (
    <DataTable
      caption={of === 'session' ? t`Sessions` : t`Users`}
      rows={rows}
      rowKey={(party) => party.name}
      columns={[
        {
          head: of === 'session' ? t`Session` : t`User`,
          wide: true,
          cell: ({ name }) => (of === 'session' ? <Link to="/sessions/$name" params={{ name }}><span className="untrusted">{name}</span></Link> : <Link to="/users/$name" params={{ name }}><span className="untrusted">{name}</span></Link>),
        },
        { head: t`Last seen`, cell: (party) => <When at={party.last_at} /> },
        { head: t`Traces`, cell: (party) => count(party.trace_count), numeric: true },
        { head: t`Failed`, cell: (party) => (party.error_count === 0 ? t`none` : <Status state="error" word={count(party.error_count)} />), numeric: true },
        { head: t`Tokens`, cell: tokensOf, numeric: true },
        { head: t`Cost`, cell: costOf, numeric: true },
        { head: t`Scores`, cell: (party) => <Means scores={party.scores} /> },
      ]}
    />
  )
}

export function tokensOf({ input_tokens, output_tokens }: Party): string {
  return input_tokens + output_tokens === 0 ? t`unknown` : `${count(input_tokens)} → ${count(output_tokens)}`
}

/** A sum of which some prices are unknown is a least, and none at all where all of them are. */
export function costOf({ cost_usd, unpriced_count, input_tokens, output_tokens }: Pick<Party, 'cost_usd' | 'unpriced_count' | 'input_tokens' | 'output_tokens'>): string {
  if (cost_usd === null) return t`unknown`
  if (Number(cost_usd) === 0) return unpriced_count > 0 || input_tokens + output_tokens === 0 ? t`unknown` : usd(cost_usd)
  return unpriced_count > 0 ? t`at least ${usd(cost_usd)}` : usd(cost_usd)
}

export function Means({ scores }: { scores: Party['scores'] }) {
  if (scores.length === 0) return <span className="dim">{t`none`}</span>
  return (
    <span className="row" style={{ gap: '0.3rem' }}>
      {scores.map((score) => <Tag key={score.name}>{score.name}: {score.mean == null ? t`${count(score.count)} labels` : measure(score.mean)}</Tag>)}
    </span>
  )
}
