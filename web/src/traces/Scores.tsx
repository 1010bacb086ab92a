/* What was said about a trace, in short: name and value, with a shape for right and wrong. */
import { t } from '@lingui/core/macro'
import type { Trace } from '../api/types'
import { sayValue, yesOrNo } from '../feedback/words'
import { Tag } from '../ui/Status'

type Score = Trace['scores'][number]

export function Scores({ scores }: { scores: readonly Score[] }) {
  if (scores.length === 0) return <span className="dim">{t`none`}</span>
  return (
    <span className="row" style={{ gap: '0.3rem' }}>
      {scores.map((score) => (
        <Tag key={`${score.name} ${score.source}`} tone={toneOf(score)}>{score.name}: {sayValue(score)}</Tag>
      ))}
    </span>
  )
}

function toneOf(score: Score) {
  const answer = yesOrNo(score)
  return answer === null ? 'idle' : answer ? 'good' : 'bad'
}
