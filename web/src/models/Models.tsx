/* The list of models. */
import { plural, t } from '@lingui/core/macro'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { withArguments, withOptions } from '../format/shell'
import { DataTable } from '../ui/DataTable'
import { Filters, FilterText } from '../ui/Filter'
import { More } from '../ui/More'
import { Page } from '../ui/Page'
import { Pointers } from '../ui/Pointers'
import { Empty } from '../ui/states'
import { When } from '../ui/When'
import { modelsFound } from './queries'
import { MODELS_TABS } from './tabs'

export function Models() {
  const filter = useSearch({ from: '/frame/models' })
  const navigate = useNavigate()
  const models = useInfiniteQuery(modelsFound(filter))
  const set = (part: typeof filter): void => void navigate({ to: '/models', search: { ...filter, ...part } })
  const filtered = filter.q !== undefined || filter.alias !== undefined
  return (
    <Page title={t`Models`} lead={t`Weights that we hold, adapters on them, and providers’ models, in versions that never change.`} tabs={MODELS_TABS} command={withOptions('treadle model list', { search: filter.q, alias: filter.alias })} python={withArguments('client.models.list_', filter)}>
      <Filters label={t`Filter models`} clear={filtered && <Link to="/models" search={{}}>{t`Clear`}</Link>}>
        <FilterText label={t`Name`} value={filter.q ?? ''} onApply={(q) => set({ q: q || undefined })} />
        <FilterText label={t`Alias`} placeholder={t`such as champion`} value={filter.alias ?? ''} onApply={(alias) => set({ alias: alias || undefined })} />
      </Filters>
      <More
        query={models}
        counted={(num) => plural(num, { one: '# model', other: '# models' })}
        empty={filtered ? <Empty title={t`No model matches`}><Link to="/models" search={{}}>{t`Show all models`}</Link></Empty> : <Empty title={t`No model yet`} command="treadle demo">{t`One turn trains a small base model from scratch and fine-tunes it.`}</Empty>}
      >
        {(rows) => (
          <DataTable
            caption={t`Models`}
            rows={rows}
            rowKey={(model) => model.model_id}
            columns={[
              { head: t`Name`, cell: ({ name }) => <Link to="/models/$name" params={{ name }}>{name}</Link> },
              {
                head: t`Newest version`,
                cell: ({ name, latest_version }) => <Link to="/models/$name/versions/$version" params={{ name, version: String(latest_version) }}>{`v${latest_version}`}</Link>,
              },
              { head: t`Aliases`, cell: (model) => <Pointers pointers={model.aliases} />, wide: true },
              { head: t`Made`, cell: (model) => <When at={model.created_at} /> },
            ]}
          />
        )}
      </More>
    </Page>
  )
}
