/* The list of experiments; some over the same rows can be chosen to lay them side by side. */
import { plural, t } from '@lingui/core/macro'
import { Button, Checkbox, NativeSelect } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import type { Experiment } from '../api/types'
import { count } from '../format/numbers'
import { withArguments, withOptions } from '../format/shell'
import { useMay } from '../governance/queries'
import { ModelLink } from '../models/ModelLink'
import { DataTable } from '../ui/DataTable'
import { Filters, FilterText } from '../ui/Filter'
import { More } from '../ui/More'
import { Page } from '../ui/Page'
import { Empty } from '../ui/states'
import { lookOf, Status } from '../ui/Status'
import { useTicked } from '../ui/useTicked'
import { When } from '../ui/When'
import { MOST_BESIDE } from './gridaddress'
import { EXPERIMENT_STATES, experimentsFound, type ExperimentFilter } from './queries'
import { StartExperiment } from './StartExperiment'
import { EXPERIMENTS_TABS } from './tabs'
import { costInWords, scoreInWords } from './words'

export function Experiments() {
  const { ticked, ...filter } = useSearch({ from: '/frame/experiments' })
  const navigate = useNavigate()
  const experiments = useInfiniteQuery(experimentsFound(filter))
  const set = (part: ExperimentFilter): void => void navigate({ to: '/experiments', search: { ...filter, ticked, ...part } })
  const filtered = filter.q !== undefined || filter.status !== undefined
  const may = useMay('evals.write')
  return (
    <Page title={t`Experiments`} lead={t`A prompt and a model tried on the rows of a dataset and judged by scorers.`} actions={may && <StartExperiment />} tabs={EXPERIMENTS_TABS} command={withOptions('treadle eval list', { search: filter.q, status: filter.status })} python={withArguments('client.experiments.list_', filter)}>
      <Filters label={t`Filter experiments`} clear={filtered && <Link to="/experiments" search={{}}>{t`Clear`}</Link>}>
        <FilterText label={t`Name`} value={filter.q ?? ''} onApply={(q) => set({ q: q || undefined })} />
        <NativeSelect label={t`State`} size="xs" value={filter.status ?? ''} onChange={(event) => set({ status: EXPERIMENT_STATES.find((known) => known === event.currentTarget.value) })} data={[{ value: '', label: t`Any` }, ...EXPERIMENT_STATES.map((state) => ({ value: state, label: lookOf(state).word }))]} />
      </Filters>
      <More
        query={experiments}
        counted={(num) => plural(num, { one: '# experiment', other: '# experiments' })}
        empty={filtered ? <Empty title={t`No experiment matches`}><Link to="/experiments" search={{}}>{t`Show all experiments`}</Link></Empty> : <Empty title={t`No experiment yet`} command="treadle demo">{t`One turn evaluates a baseline and a fine-tuned candidate on the same rows.`}</Empty>}
      >
        {(rows) => <List rows={rows} />}
      </More>
    </Page>
  )
}

function List({ rows }: { rows: Experiment[] }) {
  const [ticked, toggle] = useTicked()
  const chosen = ticked.flatMap((id) => rows.find(({ experiment_id }) => experiment_id === id) ?? [])
  const navigate = useNavigate()
  const first = chosen[0]
  const isChosen = (one: Experiment): boolean => chosen.some(({ experiment_id }) => experiment_id === one.experiment_id)
  const fits = (one: Experiment): boolean => isChosen(one) || ((first === undefined || one.dataset_version_id === first.dataset_version_id) && chosen.length < MOST_BESIDE)
  return (
    <>
      <div className="row">
        <Button size="xs" variant="default" disabled={chosen.length === 0} onClick={() => void navigate({ to: '/experiments/grid', search: { ids: chosen.map(({ experiment_id }) => experiment_id).join(',') } })}>{t`Lay side by side`}</Button>
        <span className="dim" role="status">{first ? t`${plural(chosen.length, { one: '# experiment', other: '# experiments' })} chosen; ${first.name} is the baseline, and only those over the same rows go with it.` : t`Choose some over the same rows; the first that is chosen is the baseline.`}</span>
      </div>
      <DataTable
        caption={t`Experiments`}
        rows={rows}
        rowKey={(experiment) => experiment.experiment_id}
        selected={isChosen}
        columns={[
          { head: t`Choose`, headCell: <span className="hidden-visually">{t`Choose`}</span>, cell: (one) => <Checkbox size="xs" aria-label={t`Choose ${one.name}`} checked={isChosen(one)} disabled={!fits(one)} onChange={() => toggle(one.experiment_id)} /> },
          { head: t`Name`, cell: (one) => <Link to="/experiments/$experimentId" params={{ experimentId: one.experiment_id }}>{one.name}</Link>, wide: true },
          { head: t`State`, cell: (one) => <Status state={one.status} /> },
          { head: t`What was tried`, cell: (one) => <Tried experiment={one} /> },
          { head: t`Score`, cell: (one) => (one.metrics[0] ? scoreInWords(one.metrics[0]) : <span className="dim">{t`none yet`}</span>) },
          { head: t`Rows`, cell: (one) => (one.rows == null ? '' : t`${count(one.rows_done)} of ${count(one.rows)}`), numeric: true },
          { head: t`Cost`, cell: costInWords },
          { head: t`When`, cell: (one) => <When at={one.created_at} /> },
        ]}
      />
    </>
  )
}

export function Tried({ experiment: { target } }: { experiment: Experiment }) {
  if (target.endpoint != null) return <Link to="/endpoints/$name" params={{ name: target.endpoint }}>{target.endpoint}</Link>
  if (target.function != null) return <span className="untrusted">{target.function}</span>
  return <ModelLink modelVersionId={target.model_version_id} />
}
