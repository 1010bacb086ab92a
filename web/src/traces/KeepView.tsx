/* Picking a kept filter of traces, and keeping the one that is shown, with its columns. */
import { t } from '@lingui/core/macro'
import { Button } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useRef } from 'react'
import type { View } from '../api/types'
import { meQuery } from '../governance/queries'
import { NamePick } from '../ui/NamePick'
import { Keep } from '../views/Keep'
import { viewsFound, viewsQuery } from '../views/queries'

export function ViewPick({ chosen, choose }: { chosen: string | undefined; choose: (name: string | undefined) => void }) {
  const views = useInfiniteQuery(viewsQuery('trace'))
  if (!views.data?.pages.some((page) => page.items.length > 0)) return null
  return (
    <NamePick
      label={t`View`}
      size="xs"
      none={t`None`}
      found={viewsFound('trace')}
      choiceOf={(view) => ({ value: view.name, label: view.is_shared ? t`${view.name} (shared)` : view.name })}
      value={chosen ?? ''}
      onChange={(name) => choose(name || undefined)}
    />
  )
}

/** `shown`: the view that is shown, if one is. */
export function KeepView({ q, columns, shown, keep }: { q: string; columns: readonly string[]; shown: View | undefined; keep: (name: string) => void }) {
  const [opened, { open, close }] = useDisclosure(false)
  const button = useRef<HTMLButtonElement>(null)
  const me = useQuery(meQuery).data?.actor.actor_id
  return (
    <>
      <Button ref={button} size="xs" variant="default" onClick={open}>{t`Keep as a view`}</Button>
      {opened && <Keep what={{ subject: 'trace', q, search: {}, columns: [...columns] }} {...(shown?.owner_id === me && { name: shown?.name })} kept={keep} close={() => (close(), button.current?.focus())} />}
    </>
  )
}
