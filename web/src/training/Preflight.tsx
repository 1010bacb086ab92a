/* What the trainer reads, token by token, and which tokens it learns: underlined and bold, so that colour is not needed. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { useQuery } from '@tanstack/react-query'
import type { PreflightReport } from '../api/types'
import { count } from '../format/numbers'
import { Facts } from '../ui/Facts'
import { Panel, Section } from '../ui/Page'
import { Answer, Empty } from '../ui/states'
import { Tag } from '../ui/Status'
import styles from './Preflight.module.css'
import { visible } from './tokens'
import { preflightQuery } from './queries'

export function Preflight({ runId, going }: { runId: string; going: boolean }) {
  const report = useQuery(preflightQuery(runId, going))
  return (
    <Section title={t`Pre-flight: what the trainer reads, and what it learns`}>
      <Answer query={report} what={t`the pre-flight`}>
        {(data) => (data ? <Report preflight={data} /> : <Empty title={t`No report`}>{going ? t`The run has not come that far.` : t`The run ended before its pre-flight.`}</Empty>)}
      </Answer>
    </Section>
  )
}

function Report({ preflight }: { preflight: PreflightReport }) {
  return (
    <>
      <Facts
        facts={[
          [t`Rows`, count(preflight.rows_count)],
          [t`Tokens only read`, count(preflight.input_tokens)],
          [t`Tokens learned`, count(preflight.answer_tokens)],
          [t`Longest row`, t`${count(preflight.longest_tokens)} tokens`],
          [t`Verdict`, <Tag key="verdict" tone={preflight.problems.length === 0 ? 'good' : 'bad'}>{preflight.problems.length === 0 ? t`may start` : t`refused`}</Tag>],
        ]}
      />
      {[...preflight.problems.map((problem) => problem.message), ...preflight.warnings].map((words) => <p key={words}>{words}</p>)}
      <p className="dim">
        <Trans>Key: <span className={styles.token} data-learned>learned</span> <span className={styles.token}>only read</span>; “·” is a space.</Trans>
      </p>
      {preflight.shown.map((row) => (
        <Panel key={row.row}>
          <h3>{t`Row ${row.row}`}</h3>
          <p className={styles.tokens}>
            {row.tokens.map((token, index) => (
              <span key={index} className={styles.token} data-learned={token.is_learned || undefined} title={t`id ${token.id}, loss weight ${token.loss_weight}`}>
                {visible(token.text)}
              </span>
            ))}
          </p>
        </Panel>
      ))}
    </>
  )
}
