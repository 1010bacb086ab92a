/* The releases behind an endpoint: who has the traffic, who is on the way to it, who had it before. */
import { t } from '@lingui/core/macro'
import { useQuery } from '@tanstack/react-query'
import type { Release } from '../api/types'
import { percent } from '../format/numbers'
import { sh } from '../format/shell'
import { ModelLink } from '../models/ModelLink'
import { DataTable } from '../ui/DataTable'
import { Empty } from '../ui/states'
import { Approvers, GatesInAWord } from './Grounds'
import { isMoving, releaseQuery, rolloutQuery } from './queries'
import { ReleaseLink } from './ReleaseLink'

type Endpoint = { name: string; stable_release_id: string | null; next_release_id: string | null; previous_release_id: string | null; rollout_id: string | null; disabled?: string | null }
type Arm = { role: string; releaseId: string; share: number | null }

export function Behind({ endpoint }: { endpoint: Endpoint }) {
  const { data: rollout } = useQuery({ ...rolloutQuery(endpoint.rollout_id ?? ''), enabled: endpoint.rollout_id !== null })
  const weight = rollout && isMoving(rollout) ? rollout.weight : 0
  const isOff = endpoint.disabled != null
  const arms: Arm[] = []
  if (endpoint.stable_release_id) arms.push({ role: t`stable`, releaseId: endpoint.stable_release_id, share: isOff ? 0 : 1 - weight })
  if (rollout && isMoving(rollout)) {
    const others = rollout.readout?.arms.filter((arm) => arm.arm !== 'stable') ?? []
    if (others.length > 0) arms.push(...others.map((arm) => ({ role: arm.dropped ? t`dropped` : t`arm`, releaseId: arm.release_id, share: isOff || rollout.status === 'pending' ? 0 : arm.weight })))
    else arms.push({ role: rollout.stage === 'shadow' ? t`shadow` : t`candidate`, releaseId: rollout.candidate_release_id, share: isOff ? 0 : weight })
  }
  if (endpoint.next_release_id) arms.push({ role: t`on its way`, releaseId: endpoint.next_release_id, share: null })
  if (endpoint.previous_release_id) arms.push({ role: t`before`, releaseId: endpoint.previous_release_id, share: null })
  if (arms.length === 0) return <Empty title={t`It serves nothing yet`} command={sh`treadle endpoint set-stable ${endpoint.name} RELEASE`}>{t`An approved release gives it something to answer with.`}</Empty>
  return (
    <DataTable
      caption={t`Releases behind ${endpoint.name}`}
      rows={arms}
      rowKey={(arm) => `${arm.role} ${arm.releaseId}`}
      columns={[
        { head: t`Release`, cell: (arm) => <ReleaseLink releaseId={arm.releaseId} /> },
        { head: t`Role`, cell: (arm) => arm.role },
        { head: t`Traffic`, cell: (arm) => (arm.share === null ? t`none` : percent(arm.share, 0)), numeric: true },
        { head: t`Model`, cell: (arm) => <Of releaseId={arm.releaseId} show={(release) => <ModelLink modelVersionId={release.manifest.model_version_id} />} /> },
        { head: t`Gates`, cell: (arm) => <Of releaseId={arm.releaseId} show={(release) => <GatesInAWord release={release} />} /> },
        { head: t`Approved by`, cell: (arm) => <Of releaseId={arm.releaseId} show={(release) => <Approvers release={release} />} />, wide: true },
      ]}
    />
  )
}

function Of({ releaseId, show }: { releaseId: string; show: (release: Release) => React.ReactNode }) {
  const { data } = useQuery(releaseQuery(releaseId))
  return data ? <>{show(data)}</> : null
}
