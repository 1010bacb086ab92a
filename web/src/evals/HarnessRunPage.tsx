/* One run of a harness: every figure with what it takes to read it, and the settings that decide it. */
import { t } from '@lingui/core/macro'
import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import type { HarnessRun } from '../api/types'
import { count, measure } from '../format/numbers'
import { sh } from '../format/shell'
import { Lineage } from '../lineage/Lineage'
import { ModelLink } from '../models/ModelLink'
import { ReleaseLink } from '../releases/ReleaseLink'
import { DataTable } from '../ui/DataTable'
import { Facts } from '../ui/Facts'
import { Page, Section } from '../ui/Page'
import { Answer } from '../ui/states'
import { Json } from '../ui/text'
import { When } from '../ui/When'
import { harnessRunQuery } from './queries'

export function HarnessRunPage() {
  const { harnessRunId } = useParams({ from: '/frame/harness-runs/$harnessRunId' })
  const run = useQuery(harnessRunQuery(harnessRunId))
  return (
    <Page
      title={run.data ? t`${run.data.harness} on ${run.data.endpoint}` : t`Run of a harness`}
      crumbs={[{ label: t`Experiments`, to: '/experiments' }, { label: t`Harness runs`, to: '/harness-runs' }]}
      command={sh`treadle eval harness-run ${harnessRunId}`}
      python={`client.experiments.get_harness_run(${JSON.stringify(harnessRunId)})`}
    >
      <Answer query={run} what={t`the run`}>{(data) => <Told run={data} />}</Answer>
    </Page>
  )
}

function Told({ run }: { run: HarnessRun }) {
  return (
    <>
      <Facts
        facts={[
          [t`Endpoint`, <Link key="endpoint" to="/endpoints/$name" params={{ name: run.endpoint }}>{run.endpoint}</Link>],
          [t`Model`, run.model_version_id == null ? null : <ModelLink key="model" modelVersionId={run.model_version_id} />],
          [t`Release`, run.release_id == null ? null : <ReleaseLink key="release" releaseId={run.release_id} />],
          [t`Kept`, <When key="when" at={run.created_at} />],
        ]}
      />
      <Section title={t`Figures`}>
        <DataTable
          caption={t`What the harness found`}
          rows={run.figures}
          rowKey={({ task, metric, filter }) => `${task} ${metric} ${filter}`}
          columns={[
            { head: t`Task`, cell: ({ task, task_version: version }) => (version == null ? task : t`${task}, version ${version}`) },
            { head: t`Metric`, cell: ({ metric, filter }) => (filter === 'none' ? metric : `${metric} (${filter})`) },
            { head: t`Value`, cell: ({ value }) => measure(value), numeric: true },
            { head: t`95 % interval`, cell: ({ low, high }) => (low == null || high == null ? <span className="dim">{t`the harness gives none`}</span> : t`${measure(low)} to ${measure(high)}`), numeric: true },
            { head: t`Better is`, cell: ({ higher_is_better: higher }) => (higher == null ? <span className="dim">{t`not said`}</span> : higher ? t`more` : t`less`) },
            { head: t`Rows`, cell: ({ rows }) => count(rows), numeric: true },
            { head: t`Examples before each`, cell: ({ num_fewshot: shots }) => (shots == null ? <span className="dim">{t`not said`}</span> : count(shots)), numeric: true },
          ]}
        />
      </Section>
      {Object.keys(run.settings ?? {}).length > 0 && <Section title={t`What decides the figures`}><Json value={run.settings} label={t`settings`} /></Section>}
      <Lineage nodeId={run.harness_run_id} />
    </>
  )
}
