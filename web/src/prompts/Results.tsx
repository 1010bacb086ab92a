/* What experiments say of a prompt's versions: the newest of each, and all of the version that is shown. */
import { t } from '@lingui/core/macro'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Experiment, Prompt, PromptVersion } from '../api/types'
import { MOST_BESIDE } from '../evals/gridaddress'
import { scoreInWords } from '../evals/words'
import { sh } from '../format/shell'
import { ModelLink } from '../models/ModelLink'
import { CommandLine } from '../ui/CommandLine'
import { DataTable } from '../ui/DataTable'
import { Answer, Empty } from '../ui/states'
import { Status } from '../ui/Status'
import { When } from '../ui/When'
import { experimentsOfQuery } from './queries'

export function Results({ prompt, versions, shown }: { prompt: Prompt; versions: PromptVersion[]; shown: PromptVersion }) {
  const experiments = useQuery(experimentsOfQuery(versions.map(({ prompt_version_id }) => prompt_version_id)))
  const numberOf = (id: string | null | undefined): number => versions.find(({ prompt_version_id }) => prompt_version_id === id)?.version ?? 0
  return (
    <Answer query={experiments} what={t`experiments`}>
      {({ items }) => {
        if (items.length === 0)
          return <Empty title={t`No version was tried on a dataset yet`} command={sh`treadle eval run --model MODEL --prompt ${shown.prompt_version_id} --dataset DATASET`}>{t`An experiment asks every row of a dataset with one version, and its scores stand here beside those of the others.`}</Empty>
        const sorted = [...items].sort((one, other) => numberOf(other.target.prompt_version_id) - numberOf(one.target.prompt_version_id))
        const comparable = ofOneDataset(items)
        return (
          <>
            <DataTable
              caption={t`Experiments with versions of ${prompt.name}`}
              rows={sorted}
              rowKey={(one) => one.experiment_id}
              selected={(one) => one.target.prompt_version_id === shown.prompt_version_id}
              maxHeight="24rem"
              columns={[
                { head: t`Version`, cell: (one) => `v${numberOf(one.target.prompt_version_id)}` },
                { head: t`Experiment`, cell: (one) => <Link to="/experiments/$experimentId" params={{ experimentId: one.experiment_id }}>{one.name}</Link>, wide: true },
                { head: t`State`, cell: (one) => <Status state={one.status} /> },
                { head: t`Score (95 % interval)`, cell: (one) => (one.metrics[0] ? `${one.metrics[0].name.replaceAll('_', ' ')}: ${scoreInWords(one.metrics[0])}` : <span className="dim">{t`none yet`}</span>) },
                { head: t`Model`, cell: (one) => <ModelLink modelVersionId={one.target.model_version_id} /> },
                { head: t`When`, cell: (one) => <When at={one.created_at} /> },
              ]}
            />
            <div className="row">
              <CommandLine command={sh`treadle eval list --prompt ${shown.prompt_version_id}`} />
              {comparable.length > 1 && <Link to="/experiments/grid" search={{ ids: comparable.map((one) => one.experiment_id).join(',') }}>{t`Lay ${comparable.length} of them side by side`}</Link>}
            </div>
          </>
        )
      }}
    </Answer>
  )
}

/** The newest finished experiments over the dataset version that most of them share, oldest first: the first is the baseline. */
export function ofOneDataset(items: readonly Experiment[]): Experiment[] {
  const done = items.filter(({ status }) => status === 'succeeded')
  const counts = new Map<string, number>()
  for (const { dataset_version_id: id } of done) counts.set(id, (counts.get(id) ?? 0) + 1)
  const most = [...counts].sort((one, other) => other[1] - one[1])[0]?.[0]
  return done.filter((one) => one.dataset_version_id === most).slice(0, MOST_BESIDE).reverse()
}
