/* One run: where it stands, its steps, what went in and came out, its curves and its log, live while it goes on. */
import { t } from '@lingui/core/macro'
import { Progress } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import type { LogLine, Run } from '../api/types'
import { percent } from '../format/numbers'
import { sh } from '../format/shell'
import { clock } from '../format/times'
import { Asks } from '../pipelines/Asks'
import { Preflight } from '../training/Preflight'
import { EXAMINED } from '../training/queries'
import { Facts } from '../ui/Facts'
import { Page, Panel, Section } from '../ui/Page'
import { Answer, Empty } from '../ui/states'
import { Status } from '../ui/Status'
import { Json } from '../ui/text'
import { Took, When } from '../ui/When'
import { Checkpoints } from './Checkpoints'
import { CancelRun } from './CancelRun'
import { RetryRun } from './RetryRun'
import { Curves } from './Curves'
import { isGoing, logsQuery, runQuery, stepsQuery } from './queries'
import { Made } from './Made'
import styles from './RunPage.module.css'
import { RunsTable } from './RunsTable'

export function RunPage() {
  const { runId } = useParams({ from: '/frame/runs/$runId' })
  const run = useQuery(runQuery(runId))
  const parent = useQuery({ ...runQuery(run.data?.parent_run_id ?? ''), enabled: run.data?.parent_run_id != null })
  return (
    <Page
      title={run.data?.title ?? t`Run`}
      crumbs={[{ label: t`Runs`, to: '/runs' }, ...(parent.data ? [{ label: parent.data.title, to: `/runs/${parent.data.run_id}` }] : [])]}
      beside={run.data && <Status state={run.data.status} />}
      actions={run.data && <><RetryRun run={run.data} /><CancelRun run={run.data} /></>}
      command={sh`treadle run show ${runId}`}
      python={`client.runs.wait(${JSON.stringify(runId)})`}
    >
      <Answer query={run} what={t`the run`}>{(data) => <RunView run={data} />}</Answer>
    </Page>
  )
}

function RunView({ run }: { run: Run }) {
  const going = isGoing(run)
  const steps = useQuery(stepsQuery(run.run_id, going))
  return (
    <>
      {run.status === 'running' && (
        <div className="stack-tight" role="status">
          <Progress value={run.progress * 100} aria-label={t`Progress of ${run.title}`} transitionDuration={200} />
          <p className="dim">{percent(run.progress, 0)} · {run.progress_text}</p>
        </div>
      )}
      {run.error && (
        <div className={styles.failed} role="alert">
          <strong>{t`It failed.`}</strong>
          <p className="untrusted">{run.error.message}</p>
          <code>{run.error.code}</code>
        </div>
      )}
      <Facts
        facts={[
          [t`Kind`, <code key="kind">{run.kind}</code>],
          [going ? t`Going for` : t`Took`, <Took key="took" from={run.started_at} to={run.ended_at} running={going} />],
          [t`Started`, <When key="started" at={run.started_at} />],
          [t`Ended`, run.ended_at && <When key="ended" at={run.ended_at} />],
          [t`Begun`, run.attempts > 1 ? t`${run.attempts} times: it went on where it had stopped` : null],
          [t`Started by`, run.actor_name],
        ]}
      />
      {going && <Asks turn={run} steps={steps.data?.items ?? []} />}
      {steps.data && steps.data.items.length > 0 && (
        <Section title={t`Steps`}><RunsTable caption={t`Steps of ${run.title}`} rows={steps.data.items} /></Section>
      )}
      <Made run={run} />
      <Curves runId={run.run_id} going={going} />
      {run.kind === 'training.finetune' && <Checkpoints run={run} />}
      {EXAMINED.has(run.kind) && <Preflight runId={run.run_id} going={going} />}
      <div className="columns">
        <Section title={t`Parameters`}><Json value={run.params} label={t`parameters`} /></Section>
        <Section title={t`Outputs`}>
          {Object.keys(run.outputs).length > 0 ? <Json value={run.outputs} label={t`outputs`} /> : <Panel><p className="dim">{going ? t`Nothing yet.` : t`None.`}</p></Panel>}
        </Section>
      </div>
      <Section title={t`Log`}><Log run={run} going={going} /></Section>
    </>
  )
}

function Log({ run, going }: { run: Run; going: boolean }) {
  const requests = useQueryClient()
  const logs = useQuery(logsQuery(run.run_id, going, requests))
  return (
    <Answer query={logs} what={t`the log`}>
      {(lines) => (lines.length === 0 ? <Empty title={going ? t`It has said nothing yet` : t`It said nothing`} /> : <Lines lines={lines} />)}
    </Answer>
  )
}

/** Follows the end while the reader is at the end, and stays where the reader is otherwise. */
function Lines({ lines }: { lines: LogLine[] }) {
  const box = useRef<HTMLDivElement>(null)
  const atEnd = useRef(true)
  useEffect(() => {
    const element = box.current
    if (element && atEnd.current) element.scrollTop = element.scrollHeight
  }, [lines.length])
  return (
    <div
      ref={box}
      className={styles.log}
      tabIndex={0}
      role="log"
      aria-label={t`Log`}
      onScroll={(event) => {
        const element = event.currentTarget
        atEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < 24
      }}
    >
      {lines.map((line) => (
        <div key={line.sequence}>
          <time dateTime={line.at} className="dim">{clock(line.at)}</time> <span className="untrusted">{line.text}</span>
        </div>
      ))}
    </div>
  )
}
