/* What was said about an answer, and the place to say it: right, or wrong and what it should have been. What is said here can
   become a row of the next dataset. */
import { t } from '@lingui/core/macro'
import { Button, Textarea } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { problemOf } from '../api/problem'
import { sh } from '../format/shell'
import { useMay } from '../governance/queries'
import { CommandLine } from '../ui/CommandLine'
import { DataTable } from '../ui/DataTable'
import { CrossIcon, TickIcon } from '../ui/icons'
import { Section } from '../ui/Page'
import { Answer, ProblemState } from '../ui/states'
import { Untrusted } from '../ui/text'
import { When } from '../ui/When'
import styles from './FeedbackOn.module.css'
import { feedbackQuery, useJudge } from './queries'
import { ScoreForm } from './ScoreForm'
import { sayValue } from './words'

export function FeedbackOn({ traceId }: { traceId: string }) {
  const feedback = useQuery(feedbackQuery(traceId))
  const may = useMay('feedback.review')
  return (
    <Section title={t`What was said about it`}>
      <Answer query={feedback} what={t`feedback`}>
        {({ items }) => (
          <DataTable
            caption={t`Feedback on this answer`}
            none={t`Nobody has said anything yet`}
            rows={items}
            rowKey={(one) => one.feedback_id}
            columns={[
              { head: t`What`, cell: (one) => one.name },
              { head: t`Of`, cell: (one) => (one.span_id == null ? t`the whole` : <Link to="/traces/$traceId" params={{ traceId }} search={{ span: one.span_id }} resetScroll={false}>{t`one span`}</Link>) },
              { head: t`Value`, cell: (one) => sayValue(one) },
              { head: t`Should have been`, cell: (one) => (one.expected_output == null ? '' : <Untrusted text={one.expected_output} fold={240} />), wide: true },
              { head: t`Comment`, cell: (one) => (one.comment == null ? '' : <Untrusted text={one.comment} fold={240} />) },
              { head: t`Who judged`, cell: (one) => one.source },
              { head: t`When`, cell: (one) => <When at={one.created_at} /> },
            ]}
          />
        )}
      </Answer>
      {may && <Judge traceId={traceId} />}
    </Section>
  )
}

function Judge({ traceId }: { traceId: string }) {
  const judge = useJudge(traceId)
  const [expectedOutput, setExpectedOutput] = useState('')
  const said = expectedOutput.trim()
  const say = (value: 0 | 1): void => judge.mutate({ name: 'correct', value, ...(said === '' ? {} : { expected_output: said }) }, { onSuccess: () => setExpectedOutput('') })
  return (
    <>
      <div className={styles.judge} role="group" aria-label={t`Judge this answer`}>
        <Button size="xs" variant="default" leftSection={<TickIcon size={14} />} disabled={judge.isPending} onClick={() => say(1)}>{t`Right`}</Button>
        <Button size="xs" variant="default" leftSection={<CrossIcon size={14} />} disabled={judge.isPending} onClick={() => say(0)}>{t`Wrong`}</Button>
        <Textarea
          size="xs"
          label={t`What it should have been, if you know`}
          autosize
          minRows={1}
          maxRows={8}
          w={300}
          maw="100%"
          value={expectedOutput}
          onChange={(event) => setExpectedOutput(event.currentTarget.value)}
        />
        <ScoreForm traceId={traceId} />
      </div>
      {judge.error && <ProblemState problem={problemOf(judge.error)} deed />}
      <div><CommandLine command={said === '' ? sh`treadle feedback add ${traceId} correct --value 1` : sh`treadle feedback add ${traceId} correct --value 0 --expected ${said}`} /></div>
    </>
  )
}
