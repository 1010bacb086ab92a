/* The list of releases: what waits for approval is seen at a glance. */
import { plural, t } from '@lingui/core/macro'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { withArguments, withOptions } from '../format/shell'
import { ModelLink } from '../models/ModelLink'
import { DataTable } from '../ui/DataTable'
import { Filters, FilterText } from '../ui/Filter'
import { More } from '../ui/More'
import { Page } from '../ui/Page'
import { Empty } from '../ui/states'
import { When } from '../ui/When'
import { ApprovalState, GatesInAWord } from './Grounds'
import { releasesFound } from './queries'

export function Releases() {
  const filter = useSearch({ from: '/frame/releases' })
  const navigate = useNavigate()
  const releases = useInfiniteQuery(releasesFound(filter))
  const set = (part: typeof filter): void => void navigate({ to: '/releases', search: { ...filter, ...part } })
  const filtered = filter.q !== undefined
  return (
    <Page title={t`Releases`} lead={t`The bundles that are tested, approved and served as one: a model, a prompt and their parameters.`} command={withOptions('treadle release list', { search: filter.q })} python={withArguments('client.releases.list_', filter)}>
      <Filters label={t`Filter releases`} clear={filtered && <Link to="/releases" search={{}}>{t`Clear`}</Link>}>
        <FilterText label={t`Name`} value={filter.q ?? ''} onApply={(q) => set({ q: q || undefined })} />
      </Filters>
      <More
        query={releases}
        counted={(num) => plural(num, { one: '# release', other: '# releases' })}
        empty={filtered ? <Empty title={t`No release matches`}><Link to="/releases" search={{}}>{t`Show all releases`}</Link></Empty> : <Empty title={t`No release yet`} command="treadle release create NAME --model MODEL_VERSION --prompt PROMPT_VERSION">{t`A release bundles a model version with a prompt version. One turn makes the first.`}</Empty>}
      >
        {(rows) => (
          <DataTable
            caption={t`Releases`}
            rows={rows}
            rowKey={(release) => release.release_id}
            columns={[
              { head: t`Release`, cell: (release) => <Link to="/releases/$releaseId" params={{ releaseId: release.release_id }} className="nowrap">{`${release.name} v${release.version}`}</Link> },
              { head: t`State`, cell: (release) => <ApprovalState release={release} /> },
              { head: t`Gates`, cell: (release) => <GatesInAWord release={release} /> },
              { head: t`Model`, cell: (release) => <ModelLink modelVersionId={release.manifest.model_version_id} /> },
              { head: t`What changed`, cell: (release) => <span className="untrusted">{release.notes}</span>, wide: true },
              { head: t`Made`, cell: (release) => <When at={release.created_at} /> },
            ]}
          />
        )}
      </More>
    </Page>
  )
}
