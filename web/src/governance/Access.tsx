/* Who may act in this project: people and programs with their roles. They come with their first key. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import type { Me } from '../api/types'
import { DataTable } from '../ui/DataTable'
import { FilterText } from '../ui/Filter'
import { Page } from '../ui/Page'
import { Answer, Empty } from '../ui/states'
import { Tag } from '../ui/Status'
import { When } from '../ui/When'
import { KeyForm } from './KeyForm'
import { actorsQuery, keysQuery, useMay } from './queries'
import { ACCESS_TABS } from './tabs'

type Actor = Me['actor']

export function Access() {
  const { who } = useSearch({ from: '/frame/access' })
  const navigate = useNavigate()
  const actors = useQuery(actorsQuery)
  const keys = useQuery(keysQuery)
  const may = useMay('access.write')
  const names = new Map(actors.data?.map((actor) => [actor.actor_id, actor.name]))
  const living = (actor: Actor): number => keys.data?.filter((key) => key.actor_id === actor.actor_id && isGood(key)).length ?? 0
  return (
    <Page title={t`Access`} lead={t`Who may act in this project, and as what. A person or a program comes with the first key that is made for it.`} actions={may && <KeyForm />} command="treadle access actor list" python="client.access.list_actors()" tabs={ACCESS_TABS}>
      <div role="search" aria-label={t`Filter who may act`}><FilterText label={t`Name`} value={who ?? ''} onApply={(name) => void navigate({ to: '/access', search: { who: name || undefined } })} /></div>
      <Answer query={actors} what={t`who may act`}>
        {(all) => {
          const rows = all.filter((actor) => who === undefined || actor.name.toLowerCase().includes(who.toLowerCase()))
          if (rows.length === 0) return <Empty title={who === undefined ? t`Nobody but the owner of the workspace` : t`Nobody is called “${who}”`} command="treadle access key create --name ana --person ana --role editor">{who !== undefined && <Link to="/access" search={{}}>{t`Show everybody`}</Link>}</Empty>
          return (
            <DataTable
              caption={t`Who may act`}
              rows={rows}
              rowKey={(actor) => actor.actor_id}
              columns={[
                { head: t`Name`, cell: (actor) => <bdi>{actor.name}</bdi>, wide: true },
                { head: t`Is`, cell: (actor) => (actor.kind === 'person' ? t`a person` : t`a program`) },
                { head: t`Role`, cell: (actor) => <Tag>{actor.role}</Tag> },
                { head: t`Answered for by`, cell: (actor) => (actor.owner_id ? <bdi>{names.get(actor.owner_id) ?? actor.owner_id}</bdi> : <span className="dim">{t`itself`}</span>) },
                { head: t`Good keys`, cell: (actor) => <Link to="/access/keys" search={{ of: actor.actor_id }}>{living(actor)}<span className="hidden-visually"> {t`of ${actor.name}`}</span></Link>, numeric: true },
                { head: t`Did`, cell: (actor) => <Link to="/audit" search={{ actor: actor.actor_id }}><Trans>in the audit log<span className="hidden-visually">: {actor.name}</span></Trans></Link> },
                { head: t`Since`, cell: (actor) => <When at={actor.created_at} /> },
              ]}
            />
          )
        }}
      </Answer>
    </Page>
  )
}

export function isGood(key: { revoked_at: string | null; expires_at: string }): boolean {
  return key.revoked_at === null && Date.parse(key.expires_at) > Date.now()
}
