/* Keys: what each is for, whose it is, what it is cut down to, and until when it is good. Stands under the gateway and under access. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link, useSearch } from '@tanstack/react-router'
import type { ApiKey } from '../api/types'
import { count } from '../format/numbers'
import { sh } from '../format/shell'
import { exact } from '../format/times'
import { GATEWAY_TABS } from '../gateway/tabs'
import { Confirm } from '../ui/Confirm'
import { DataTable } from '../ui/DataTable'
import { Page, type Crumb } from '../ui/Page'
import { Answer, Empty } from '../ui/states'
import { Status, Tag } from '../ui/Status'
import { When } from '../ui/When'
import { isGood } from './Access'
import { KeyForm } from './KeyForm'
import { actorsQuery, keysQuery, useMay, useRevokeKey } from './queries'
import { ACCESS_TABS } from './tabs'

export const AccessKeys = () => <Keys tabs={ACCESS_TABS} actorId={useSearch({ from: '/frame/access/keys' }).of} />
export const GatewayKeys = () => <Keys tabs={GATEWAY_TABS} />

function Keys({ tabs, actorId }: { tabs: readonly Crumb[]; actorId?: string | undefined }) {
  const keys = useQuery(keysQuery)
  const actors = useQuery(actorsQuery)
  const may = useMay('access.write')
  const whose = new Map(actors.data?.map((actor) => [actor.actor_id, actor]))
  return (
    <Page title={t`Keys`} lead={t`What programs and people show when they ask. A key is shown once, when it is made.`} actions={may && <KeyForm />} command="treadle access key list" python="client.access.list_keys()" tabs={tabs}>
      {actorId !== undefined && <p><Trans>Only those of <strong className="untrusted">{whose.get(actorId)?.name ?? actorId}</strong>. <Link to="/access/keys" search={{}}>Show all keys</Link></Trans></p>}
      <Answer query={keys} what={t`the keys`}>
        {(all) => {
          const rows = all.filter((key) => actorId === undefined || key.actor_id === actorId)
          if (rows.length === 0) return <Empty title={t`No key yet`} command="treadle access key create --name my-app --endpoint support">{t`An application calls endpoints with a key of its own, so that its use can be counted and ended.`}</Empty>
          return (
            <DataTable
              caption={t`Keys`}
              rows={rows}
              rowKey={(key) => key.key_id}
              columns={[
                { head: t`State`, cell: (key) => <KeyState apiKey={key} /> },
                { head: t`For`, cell: (key) => <><bdi style={{ overflowWrap: 'anywhere' }}>{key.name}</bdi> {key.kind === 'publishable' && <Tag>{t`publishable`}</Tag>}<div className="dim mono">{key.key_id}</div></> },
                { head: t`Acts as`, cell: (key) => { const actor = whose.get(key.actor_id); return actor ? <><bdi style={{ overflowWrap: 'anywhere' }}>{actor.name}</bdi> <Tag>{actor.role}</Tag></> : <code>{key.actor_id}</code> } },
                { head: t`May`, cell: (key) => <>{key.endpoints === null ? t`call every endpoint` : t`call ${key.endpoints.join(', ')}`}<div>{cutDown(key)}</div></> },
                { head: t`Made`, cell: (key) => <When at={key.created_at} /> },
                { head: t`Good until`, cell: (key) => <time dateTime={key.expires_at} title={exact(key.expires_at)} className="nowrap">{key.expires_at.slice(0, 10)}</time> },
                ...(may ? [{ head: t`Revoke`, cell: (key: ApiKey) => isGood(key) && <Revoke apiKey={key} /> }] : []),
              ]}
            />
          )
        }}
      </Answer>
    </Page>
  )
}

function KeyState({ apiKey }: { apiKey: ApiKey }) {
  if (apiKey.revoked_at !== null) return <Status state="failed" word={t`Revoked`} />
  return isGood(apiKey) ? <Status state="ok" word={t`Good`} /> : <Status state="off" word={t`Expired`} />
}

function cutDown(key: ApiKey) {
  if (key.kind === 'publishable') return t`feedback from ${key.origins?.join(', ') ?? t`nowhere`}, ${count(key.per_minute ?? 60)} a minute`
  return key.scopes === null ? <span className="dim">{t`all that its role may`}</span> : <code>{key.scopes.join(' ') || t`nothing`}</code>
}

function Revoke({ apiKey }: { apiKey: ApiKey }) {
  const revoke = useRevokeKey(apiKey.key_id)
  return (
    <Confirm title={t`Revoke ${apiKey.name}?`} words={t`Whoever shows it is refused from now on, within a second at every gateway. A revoked key never comes back.`} command={sh`treadle access key revoke ${apiKey.key_id}`} confirm={t`Revoke it`} danger run={() => revoke.mutateAsync()}>
      {(open) => <Button size="compact-xs" variant="default" onClick={open}><Trans>Revoke<span className="hidden-visually"> {apiKey.name}</span></Trans></Button>}
    </Confirm>
  )
}
