/* One release: the bundle, the gates' evidence, who approved it, where that is enough, and the way to approve it. */
import { t } from '@lingui/core/macro'
import { Button, Textarea } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { api, body } from '../api/client'
import type { Release } from '../api/types'
import { sh } from '../format/shell'
import { meQuery, useMay } from '../governance/queries'
import { Lineage } from '../lineage/Lineage'
import { ModelLink } from '../models/ModelLink'
import { Chat } from '../traces/Chat'
import { Id } from '../ui/CommandLine'
import { Confirm } from '../ui/Confirm'
import { DataTable } from '../ui/DataTable'
import { Facts } from '../ui/Facts'
import { Page, Panel, Section } from '../ui/Page'
import { Answer } from '../ui/states'
import { Json, Untrusted } from '../ui/text'
import { When } from '../ui/When'
import { Compare } from './Compare'
import { ApprovalState, Approvals, Gates, hasPassed, Standings } from './Grounds'
import { releaseQuery } from './queries'

const LEAST_REASON = 10
const HIT = { allow: t`allowed and recorded`, mask: t`masked`, block: t`blocked` }

export function ReleasePage() {
  const { releaseId } = useParams({ from: '/frame/releases/$releaseId' })
  const release = useQuery(releaseQuery(releaseId))
  const data = release.data
  return (
    <Page
      title={data ? t`Release ${data.name} v${data.version}` : t`Release`}
      crumbs={[{ label: t`Releases`, to: '/releases' }]}
      beside={data && <ApprovalState release={data} />}
      actions={data && <><Compare release={data} /><Link to="/reports/$releaseId" params={{ releaseId }}>{t`Report`}</Link><Approve release={data} /></>}
      command={sh`treadle release show ${releaseId}`}
      python={`client.releases.get(${JSON.stringify(releaseId)})`}
    >
      <Answer query={release} what={t`the release`}>
        {(shown) => (
          <>
            <Facts
              facts={[
                [t`Model`, <ModelLink key="model" modelVersionId={shown.manifest.model_version_id} />],
                [t`Prompt version`, shown.manifest.prompt_version_id ? <Id key="prompt" value={shown.manifest.prompt_version_id} /> : t`none: messages go as they are`],
                [t`Digest`, <Id key="digest" value={shown.digest} />],
                [t`Made`, <When key="made" at={shown.created_at} />],
              ]}
            />
            {shown.notes && <Panel><Untrusted text={shown.notes} /></Panel>}
            <div className="columns">
              <Section title={t`Gates`}><Gates release={shown} /></Section>
              <Section title={t`Approvals`}><Approvals release={shown} /></Section>
            </div>
            <Section title={t`Where it may serve`}><Standings release={shown} /></Section>
            <div className="columns">
              {shown.manifest.messages.length > 0 && (
                <Section title={t`Prompt`}><Chat input={shown.manifest.messages.map(({ role, template }) => ({ role, content: template }))} /></Section>
              )}
              <Section title={t`Parameters`}><Json value={shown.manifest.parameters} label={t`parameters`} /></Section>
            </div>
            <Parts manifest={shown.manifest} />
            <Lineage nodeId={shown.release_id} />
          </>
        )}
      </Answer>
    </Page>
  )
}

/** Every place that may answer for the release, and the checks around it. */
function Parts({ manifest }: { manifest: Release['manifest'] }) {
  const { targets = [], guards = [], refinement, index_id: index, code } = manifest
  const kept = Object.entries(refinement ?? {}).filter(([, value]) => value)
  return (
    <>
      {targets.length > 0 && (
        <Section title={t`Targets`}>
          <DataTable
            caption={t`Where it can be answered`}
            rows={targets}
            rowKey={(target) => `${target.priority} ${target.provider} ${target.model} ${target.region}`}
            columns={[
              { head: t`Provider`, cell: (target) => target.provider },
              { head: t`Model`, cell: (target) => (target.model_version_id ? <ModelLink modelVersionId={target.model_version_id} /> : target.model), wide: true },
              { head: t`Region`, cell: (target) => target.region ?? <span className="dim">{t`any`}</span> },
              { head: t`Weight`, cell: (target) => target.weight, numeric: true },
              { head: t`Priority`, cell: (target) => target.priority, numeric: true },
            ]}
          />
        </Section>
      )}
      {guards.length > 0 && (
        <Section title={t`Guards`}>
          <DataTable
            caption={t`What is checked`}
            rows={guards}
            rowKey={(guard) => guard.name}
            columns={[
              { head: t`Guard`, cell: (guard) => guard.name },
              { head: t`Looks for`, cell: (guard) => guard.check },
              { head: t`In`, cell: (guard) => (guard.stage === 'output' ? t`the answer` : t`the request`) },
              { head: t`A hit is`, cell: (guard) => HIT[guard.action ?? 'block'] },
            ]}
          />
        </Section>
      )}
      {(kept.length > 0 || index || code) && (
        <Section title={t`Also pinned`}><Json value={{ ...(kept.length > 0 && { refinement: Object.fromEntries(kept) }), ...(index && { index }), ...(code && { code }) }} label={t`further parts`} /></Section>
      )}
    </>
  )
}

function Approve({ release }: { release: Release }) {
  const may = useMay('releases.approve')
  const requests = useQueryClient()
  const [reason, setReason] = useState('')
  const { data: me } = useQuery(meQuery)
  const passed = hasPassed(release)
  const approve = useMutation({
    mutationFn: () =>
      body(
        api.POST('/api/v1/releases/{release_id}/approve', {
          params: { path: { release_id: release.release_id } },
          body: { renew: false, ...(!passed && { override_reason: reason.trim() }) },
        }),
      ),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['releases'] }),
  })
  if (!may || !me || (release.approvals ?? []).some((approval) => approval.actor_id === me.actor.actor_id)) return null
  return (
    <Confirm
      title={t`Approve ${release.name} v${release.version}?`}
      words={passed ? t`Its gates passed. Your approval counts where an environment’s policy asks for one.` : t`No gate was evaluated, or one failed. Say why it may serve all the same; the reason stays on the release and in the audit log.`}
      command={passed ? sh`treadle release approve ${release.release_id}` : sh`treadle release approve ${release.release_id} --override-reason REASON`}
      confirm={t`Approve`}
      disabled={!passed && reason.trim().length < LEAST_REASON}
      fields={
        passed ? null : (
          <Textarea label={t`Reason`} description={t`At least ${LEAST_REASON} characters`} required value={reason} onChange={(event) => setReason(event.currentTarget.value)} autosize minRows={2} />
        )
      }
      run={() => approve.mutateAsync()}
    >
      {(open) => <Button size="xs" onClick={open}>{t`Approve`}</Button>}
    </Confirm>
  )
}
