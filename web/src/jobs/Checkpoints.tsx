/* Where a training run scored itself and kept a checkpoint, and which of them became the model. */
import { t } from '@lingui/core/macro'
import { useQuery } from '@tanstack/react-query'
import type { Run } from '../api/types'
import { count, measure } from '../format/numbers'
import { DataTable } from '../ui/DataTable'
import { Section } from '../ui/Page'
import { Tag } from '../ui/Status'
import { checkpointsOf, type Checkpoint } from './scored'
import { isGoing, metricsQuery } from './queries'

export function Checkpoints({ run }: { run: Run }) {
  const metrics = useQuery(metricsQuery(run.run_id, isGoing(run)))
  const { names, checkpoints } = checkpointsOf(metrics.data ?? [])
  const best = run.outputs['best_step']
  if (checkpoints.length === 0) return null
  return (
    <Section title={t`Checkpoints`}>
      <p className="dim">
        {isGoing(run)
          ? t`At each of these it scored its validation rows and wrote a checkpoint: after a crash it goes on from the newest.`
          : t`At each of these it scored its validation rows and wrote a checkpoint. The best became the model version; the files of the others were cleared away when the run ended well.`}
      </p>
      <DataTable<Checkpoint>
        caption={t`Checkpoints with their scores`}
        rows={checkpoints}
        rowKey={({ step }) => String(step)}
        maxHeight="22rem"
        selected={({ step }) => step === best}
        columns={[
          { head: t`Step`, cell: ({ step }) => count(step), numeric: true },
          ...names.map((name) => ({ head: name.replaceAll('_', ' '), cell: ({ values }: Checkpoint) => measure(values[name]), numeric: true })),
          { head: t`What became of it`, cell: ({ step }) => (step === best ? <Tag tone="good">{t`the model’s weights`}</Tag> : ''), wide: true },
        ]}
      />
    </Section>
  )
}
