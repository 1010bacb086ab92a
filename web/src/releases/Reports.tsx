/* Responsible-AI reports: one for each release, made from what is known at the moment it is opened. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { DataTable } from '../ui/DataTable'
import { More } from '../ui/More'
import { Page } from '../ui/Page'
import { Empty } from '../ui/states'
import { When } from '../ui/When'
import { ApprovalState, GatesInAWord } from './Grounds'
import { releasesQuery } from './queries'

export function Reports() {
  const releases = useInfiniteQuery(releasesQuery)
  return (
    <Page title={t`Reports`} lead={t`For each release what is known of its data, evaluations, bias, guards, limits and approvals, and what nobody has measured. Silence is not a pass.`} command="treadle release report RELEASE" python={'client.releases.get_report("rel_…")'}>
      <More query={releases} counted={(num) => plural(num, { one: '# release', other: '# releases' })} empty={<Empty title={t`No release to report on yet`} command="treadle release create NAME --model MODEL_VERSION --prompt PROMPT_VERSION">{t`A report says what is known of a release before it serves, and afterwards.`}</Empty>}>
        {(rows) => (
          <DataTable
            caption={t`Reports`}
            rows={rows}
            rowKey={(release) => release.release_id}
            columns={[
              { head: t`Release`, cell: (release) => <Link to="/releases/$releaseId" params={{ releaseId: release.release_id }} className="nowrap">{`${release.name} v${release.version}`}</Link> },
              { head: t`Approval`, cell: (release) => <ApprovalState release={release} /> },
              { head: t`Gates`, cell: (release) => <GatesInAWord release={release} /> },
              { head: t`Bundled`, cell: (release) => <When at={release.created_at} /> },
              { head: t`Report`, cell: (release) => <Link to="/reports/$releaseId" params={{ releaseId: release.release_id }}><Trans>Make it now<span className="hidden-visually"> for {release.name} v{release.version}</span></Trans></Link> },
            ]}
          />
        )}
      </More>
    </Page>
  )
}
