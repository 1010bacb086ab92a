/* Judging one text now; nothing is kept but a judge's traces. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Textarea, TextInput } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { problemOf } from '../api/problem'
import type { Scorer } from '../api/types'
import { percent, usd } from '../format/numbers'
import { useMay } from '../governance/queries'
import { Facts } from '../ui/Facts'
import { Section } from '../ui/Page'
import { ProblemState } from '../ui/states'
import { Untrusted } from '../ui/text'
import { tryScorer } from './queries'
import { isJudge } from './Scorers'
import { amount, parameterOf } from './words'

export function TryScorer({ scorer }: { scorer: Scorer }) {
  const [given, setGiven] = useState({ input: '', output: '', expected: '', context: '', other: '' })
  const [parameters, setParameters] = useState<Record<string, string>>({})
  const may = useMay('evals.write')
  const judged = useMutation({
    mutationFn: () =>
      tryScorer({
        case: {
          input: given.input, output: given.output, metadata: {},
          ...(given.expected === '' ? {} : { expected: given.expected }),
          ...(given.other === '' ? {} : { other: given.other }),
          context: given.context.split(/\n{2,}/).map((passage) => passage.trim()).filter((passage) => passage !== ''),
        },
        scorers: [{ name: scorer.name, parameters: Object.fromEntries(Object.entries(parameters).filter(([, text]) => text.trim() !== '').map(([name, text]) => [name, parameterOf(text)])) }],
      }),
  })
  const set = (part: Partial<typeof given>): void => setGiven({ ...given, ...part })
  if (scorer.place === 'worker') return <Section title={t`Try it`}><p className="dim">{t`It judges all rows of an experiment together, in a process of its own: start an experiment with it.`}</p></Section>
  if (!may) return <Section title={t`Try it`}><p className="dim"><Trans>Your key may not judge: it lacks <code>evals.write</code>.</Trans></p></Section>
  const names = Object.keys(scorer.parameters).sort((one, other) => Number(scorer.required.includes(other)) - Number(scorer.required.includes(one)))
  const missing = scorer.required.filter((name) => (parameters[name] ?? '').trim() === '')
  return (
    <Section title={t`Try it`}>
      <div className="columns">
        <Textarea label={t`What was asked`} autosize minRows={2} maxRows={8} value={given.input} onChange={(event) => set({ input: event.currentTarget.value })} />
        <Textarea label={t`What was answered`} autosize minRows={2} maxRows={8} value={given.output} onChange={(event) => set({ output: event.currentTarget.value })} />
        <Textarea label={t`What was expected`} autosize minRows={2} maxRows={8} value={given.expected} onChange={(event) => set({ expected: event.currentTarget.value })} />
        {isJudge(scorer) && <Textarea label={t`Passages that it had at hand`} description={t`Divided by empty lines`} autosize minRows={2} maxRows={8} value={given.context} onChange={(event) => set({ context: event.currentTarget.value })} />}
        {isJudge(scorer) && <Textarea label={t`Another answer, to compare with`} autosize minRows={2} maxRows={8} value={given.other} onChange={(event) => set({ other: event.currentTarget.value })} />}
      </div>
      {names.length > 0 && (
        <details open={scorer.required.length > 0}>
          <summary>{t`Parameters`}</summary>
          <div className="columns">
            {names.map((name) => (
              <TextInput key={name} label={name} description={scorer.parameters[name]} withAsterisk={scorer.required.includes(name)} size="xs" value={parameters[name] ?? ''} onChange={(event) => setParameters({ ...parameters, [name]: event.currentTarget.value })} />
            ))}
          </div>
        </details>
      )}
      <div className="row">
        <Button size="sm" loading={judged.isPending} disabled={missing.length > 0} onClick={() => judged.mutate()}>{t`Judge it`}</Button>
        {missing.length > 0 && <span className="dim">{t`It must be told ${missing.join(', ')}.`}</span>}
      </div>
      {judged.error && <ProblemState problem={problemOf(judged.error)} deed />}
      {judged.data?.map((score) => (
        <div key={score.name} role="status">
          <Facts
            facts={[
              [t`Score`, score.value == null ? t`it could not be judged` : amount(score.value, scorer.unit)],
              [t`Label`, score.label?.replaceAll('_', ' ')],
              [t`Why`, score.reason && <Untrusted key="why" text={score.reason} />],
              [t`Sure of it`, score.judgement?.confidence == null ? null : percent(score.judgement.confidence)],
              [t`People would call it good`, score.judgement ? (score.judgement.probability == null ? t`unknown: it is uncalibrated` : percent(score.judgement.probability)) : null],
              [t`Cost`, score.judgement && usd(score.judgement.cost_usd)],
              [t`Doubt`, score.judgement?.warning && <Untrusted key="doubt" text={score.judgement.warning} />],
            ]}
          />
        </div>
      ))}
    </Section>
  )
}
