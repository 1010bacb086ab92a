/* Roles and what each allows, side by side. */
import { t } from '@lingui/core/macro'
import { useQuery } from '@tanstack/react-query'
import { DataTable } from '../ui/DataTable'
import { Page, Section } from '../ui/Page'
import { Answer } from '../ui/states'
import { CrossIcon, TickIcon } from '../ui/icons'
import { rolesQuery } from './queries'
import { ACCESS_TABS } from './tabs'

export function Roles() {
  const roles = useQuery(rolesQuery)
  return (
    <Page title={t`Roles`} lead={t`A role is a set of permissions. A key may be cut down to fewer, never to more.`} command="treadle access role list" python="client.access.list_roles()" tabs={ACCESS_TABS}>
      <Answer query={roles} what={t`the roles`}>
        {(rows) => (
          <>
            <DataTable
              caption={t`Roles`}
              rows={rows}
              rowKey={(role) => role.name}
              columns={[
                { head: t`Role`, cell: (role) => role.name },
                { head: t`Whose it is`, cell: (role) => role.meaning, wide: true },
                { head: t`Permissions`, cell: (role) => role.permissions.length, numeric: true },
              ]}
            />
            <Section title={t`What each allows`}>
              <DataTable
                caption={t`Permissions by role`}
                rows={[...new Set(rows.flatMap((role) => role.permissions))].sort()}
                rowKey={(permission) => permission}
                maxHeight="36rem"
                columns={[
                  { head: t`Permission`, cell: (permission) => <code>{permission}</code> },
                  ...rows.map((role) => ({ head: role.name, cell: (permission: string) => (role.permissions.includes(permission) ? <><TickIcon size={14} /><span className="hidden-visually">{t`yes`}</span></> : <span className="dim"><CrossIcon size={11} /><span className="hidden-visually">{t`no`}</span></span>) })),
                ]}
              />
            </Section>
          </>
        )}
      </Answer>
    </Page>
  )
}
