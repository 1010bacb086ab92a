/* One queue: how far it is, what it asks, how far its judges agree with each other and with what is known. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams } from '@tanstack/react-router'
import type { Queue, Question } from '../api/types'
import { count, duration, fixed, measure, percent } from '../format/numbers'
import { sh } from '../format/shell'
import { useMay } from '../governance/queries'
import { CommandLine } from '../ui/CommandLine'
import { Confirm } from '../ui/Confirm'
import { DataTable } from '../ui/DataTable'
import { Facts } from '../ui/Facts'
import { Page, Section } from '../ui/Page'
import { Answer, Empty, Loading } from '../ui/states'
import { When } from '../ui/When'
import { AddToDataset } from '../traces/AddToDataset'
import { asked, choicesOf, fillingOf } from './answers'
import { Fill } from './Fill'
import { Items } from './Items'
import { Progress } from './Progress'
import { agreementQuery, queueQuery, useRemoveQueue } from './queries'
import { QueueForm } from './QueueForm'

export function QueuePage() {
  const { name } = useParams({ from: '/frame/queues/$name' })
  const remove = useRemoveQueue(name)
  // What is being removed is asked for no more: it would be a failure on the page that is being left.
  const isLeaving = remove.isPending || remove.isSuccess
  const queue = useQuery({ ...queueQuery(name), enabled: !isLeaving })
  const navigate = useNavigate()
  const may = useMay('feedback.review')
  const mayChange = useMay('queues.write')
  const mayCurate = useMay('data.write')
  return (
    <Page
      title={name}
      crumbs={[{ label: t`Queues`, to: '/queues' }]}
      lead={queue.data?.description || undefined}
      actions={queue.data && (
          <>
            {mayChange && <QueueForm queue={queue.data} />}
            {mayChange && queue.data.mode !== 'pairwise' && <Fill name={name} />}
            {mayChange && <RemoveQueue name={name} remove={() => remove.mutateAsync()} />}
            {mayCurate && queue.data.num_items > 0 && <AddToDataset of={{ queue: name }} what={t`the answers of ${name}`} size="sm" />}
            {may && <Button size="sm" onClick={() => void navigate({ to: '/queues/$name/judge', params: { name } })}>{t`Judge`}</Button>}
          </>
        )}
      command={sh`treadle queue show ${name}`}
      python={`client.queues.get(${JSON.stringify(name)})`}
    >
      {isLeaving ? <Loading what={t`the queue`} /> : <Answer query={queue} what={t`the queue`}>{(data) => <QueueView queue={data} />}</Answer>}
    </Page>
  )
}

function RemoveQueue({ name, remove }: { name: string; remove: () => Promise<unknown> }) {
  const navigate = useNavigate()
  return (
    <Confirm
      title={t`Remove ${name}?`}
      words={t`Its items and who did what with them are forgotten; the scores that it gave stay.`}
      command={sh`treadle queue remove ${name}`}
      confirm={t`Remove it`}
      danger
      run={async () => {
        await remove()
        await navigate({ to: '/queues' })
      }}
    >
      {(open) => <Button size="sm" variant="default" onClick={open}>{t`Remove`}</Button>}
    </Confirm>
  )
}

function QueueView({ queue }: { queue: Queue }) {
  return (
    <>
      <Progress queue={queue} />
      {queue.num_items === 0 && (
        <Empty title={t`The queue is empty`} command={fillingOf(queue)}>{queue.mode === 'pairwise' ? <Trans>Choose two traces in <Link to="/traces" search={{}}>their list</Link>, then compare them in this queue.</Trans> : t`Put answers from live traffic into it: the newest, a sample, or those worth most to judge.`}</Empty>
      )}
      <Facts
        facts={[
          [t`Shows`, queue.mode === 'pairwise' ? t`two answers side by side` : t`one answer at a time`],
          [t`Judges per item`, count(queue.judges_per_item)],
          [t`A known one comes`, t`every ${count(queue.gold_every)} items, while there are any`],
          [t`Known answers`, plural(queue.num_gold, { one: '# item', other: '# items' })],
          [t`An opened item waits`, t`${count(queue.reserve_minutes)} min`],
          [t`Made`, <When key="made" at={queue.created_at} />],
        ]}
      />
      {queue.instructions && <Section title={t`Instructions`}><p className="untrusted">{queue.instructions}</p></Section>}
      <Section title={t`What it asks`}>
        <DataTable
          caption={t`Questions`}
          rows={asked(queue)}
          rowKey={(question) => question.name}
          columns={[
            { head: t`Name`, cell: (question) => <code>{question.name}</code> },
            { head: t`Question`, cell: (question) => <>{question.question || <span className="dim">{t`its name`}</span>}{question.help && <div className="dim">{question.help}</div>}</>, wide: true },
            { head: t`Answer`, cell: answerInWords },
            { head: t`Needed`, cell: (question) => (question.is_required ? t`yes` : t`no`) },
          ]}
        />
      </Section>
      {queue.num_items > 0 && <Items name={queue.name} />}
      <Agreement name={queue.name} />
    </>
  )
}

function answerInWords(question: Question): string {
  if (question.kind === 'boolean') return t`yes or no`
  if (question.kind === 'correction') return t`what it should have been`
  if (question.kind === 'number') return question.step == null ? t`${measure(question.low)} to ${measure(question.high)}` : t`${measure(question.low)} to ${measure(question.high)}, steps of ${measure(question.step)}`
  return choicesOf(question)?.map(({ label }) => label).join(' · ') ?? t`words`
}

/** Of fewer pairs the share that went to the side shown first says nothing. */
const LEAST_PAIRS = 20

type Coefficient = { value: number | null; low: number | null; high: number | null } | null

function coefficient(told: Coefficient): string {
  if (told?.value == null) return t`not defined`
  return told.low == null || told.high == null ? measure(told.value) : t`${fixed(told.value, 2)} (${fixed(told.low, 2)} to ${fixed(told.high, 2)})`
}

function Agreement({ name }: { name: string }) {
  const agreement = useQuery(agreementQuery(name))
  return (
    <Section title={t`Agreement`}>
      <Answer query={agreement} what={t`how far judges agree`}>
        {({ fields, judges, first_shown_preferred }) => (
          <>
            <p className="dim">{t`1 is perfect agreement, 0 is what chance gives; in brackets the 95 % interval. It takes items that two or more people judged.`}</p>
            <DataTable
              caption={t`Agreement by question`}
              none={t`Nothing can be compared yet`}
              rows={fields}
              rowKey={(field) => field.name}
              columns={[
                { head: t`Question`, cell: (field) => field.name },
                { head: t`Items`, cell: (field) => count(field.num_items), numeric: true },
                { head: t`The same`, cell: (field) => (field.observed == null ? t`none yet` : percent(field.observed, 0)), numeric: true },
                { head: t`Krippendorff’s α`, cell: (field) => coefficient(field.alpha), numeric: true },
                { head: t`Cohen’s κ`, cell: (field) => coefficient(field.cohen), numeric: true },
                { head: t`Fleiss’ κ`, cell: (field) => coefficient(field.fleiss), numeric: true },
              ]}
            />
            {first_shown_preferred != null && judges.reduce((sum, judge) => sum + judge.num_judged, 0) >= LEAST_PAIRS && <p>{t`The side shown first was preferred in ${percent(first_shown_preferred, 0)} of decided pairs. Far from 50 %, the position decides and not the answers.`}</p>}
            <DataTable
              caption={t({ message: 'Judges', context: 'who judge' })}
              none={t`Nobody has judged yet`}
              rows={judges}
              rowKey={(judge) => judge.actor_id}
              columns={[
                { head: t({ message: 'Judge', context: 'who judges' }), cell: (judge) => judge.name, wide: true },
                { head: t`Judged`, cell: (judge) => count(judge.num_judged), numeric: true },
                { head: t`Skipped`, cell: (judge) => count(judge.num_skipped), numeric: true },
                { head: t`Usual time`, cell: (judge) => (judge.median_seconds == null ? t`none yet` : duration(judge.median_seconds * 1000)), numeric: true },
                { head: t`Known answers right`, cell: (judge) => (judge.num_gold === 0 ? t`none asked` : judge.gold_low == null ? t`${count(judge.num_gold_right)} of ${count(judge.num_gold)}` : t`${count(judge.num_gold_right)} of ${count(judge.num_gold)} (${percent(judge.gold_low, 0)} to ${percent(judge.gold_high, 0)})`), numeric: true },
              ]}
            />
            <div><CommandLine command={sh`treadle queue agreement ${name}`} /></div>
          </>
        )}
      </Answer>
    </Section>
  )
}
