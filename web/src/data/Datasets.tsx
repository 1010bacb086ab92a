/* The list of datasets. */
import { plural, t } from '@lingui/core/macro'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { count } from '../format/numbers'
import { withArguments, withOptions } from '../format/shell'
import { useMay } from '../governance/queries'
import { DataTable } from '../ui/DataTable'
import { Filters, FilterText } from '../ui/Filter'
import { More } from '../ui/More'
import { Page } from '../ui/Page'
import { Empty } from '../ui/states'
import { When } from '../ui/When'
import { ImportFile } from './ImportFile'
import { datasetsFound } from './queries'

export function Datasets() {
  const filter = useSearch({ from: '/frame/datasets' })
  const navigate = useNavigate()
  const datasets = useInfiniteQuery(datasetsFound(filter))
  const may = useMay('data.write')
  const set = (part: typeof filter): void => void navigate({ to: '/datasets', search: { ...filter, ...part } })
  const filtered = filter.q !== undefined
  return (
    <Page title={t`Datasets`} lead={t`Named series of immutable versions. What trains and what judges comes from here.`} actions={may && <ImportFile />} command={withOptions('treadle data list', { search: filter.q })} python={withArguments('client.datasets.list_', filter)}>
      <Filters label={t`Filter datasets`} clear={filtered && <Link to="/datasets" search={{}}>{t`Clear`}</Link>}>
        <FilterText label={t`Name`} value={filter.q ?? ''} onApply={(q) => set({ q: q || undefined })} />
      </Filters>
      <More
        query={datasets}
        counted={(num) => plural(num, { one: '# dataset', other: '# datasets' })}
        empty={filtered ? <Empty title={t`No dataset matches`}><Link to="/datasets" search={{}}>{t`Show all datasets`}</Link></Empty> : <Empty title={t`No dataset yet`} command="treadle data import messages.csv --name support --input text --label category">
            {t`Import a CSV, JSONL or Parquet file; each row becomes an example.`}
          </Empty>}
      >
        {(rows) => (
          <DataTable
            caption={t`Datasets`}
            rows={rows}
            rowKey={(dataset) => dataset.dataset_id}
            columns={[
              { head: t`Name`, cell: ({ name }) => <Link to="/datasets/$name" params={{ name }}>{name}</Link> },
              { head: t`What it is for`, cell: (dataset) => dataset.description || <span className="dim">{t`not described`}</span>, wide: true },
              { head: t`Versions`, cell: (dataset) => count(dataset.num_versions), numeric: true },
              { head: t`Rows of the newest`, cell: (dataset) => (dataset.num_rows == null ? t`none` : count(dataset.num_rows)), numeric: true },
              { head: t`Made`, cell: (dataset) => <When at={dataset.created_at} /> },
            ]}
          />
        )}
      </More>
    </Page>
  )
}
