/* In the head of every page that is about one object: how much is said about it, and the way there. */
import { t } from '@lingui/core/macro'
import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useRouterState } from '@tanstack/react-router'
import { lazy, Suspense, useState } from 'react'
import { count } from '../format/numbers'
import { useMay } from '../governance/queries'
import { CommentIcon } from '../ui/icons'
import { aboutOf, type About } from './about'
import { commentCountQuery } from './queries'
import { useDrafts } from './useDrafts'

const Panel = lazy(() => import('./Panel'))

declare module '@tanstack/react-router' {
  interface HistoryState {
    /** The comment that somebody came for. */
    comment?: string
  }
}

export function Comments() {
  const path = useRouterState({ select: (state) => state.location.pathname })
  const may = useMay('comments.read')
  const about = aboutOf(path)
  return about !== null && may ? <Of key={path} about={about} /> : null
}

function Of({ about }: { about: About }) {
  const { data } = useQuery(commentCountQuery(about))
  const soughtId = useRouterState({ select: (state) => state.location.state.comment ?? null })
  const [openedFor, setOpenedFor] = useState<string | null>(null)
  const [isOpen, setOpen] = useState(soughtId !== null)
  const [wasOpened, setOpened] = useState(isOpen)
  if (soughtId !== null && soughtId !== openedFor) {
    setOpenedFor(soughtId)
    setOpen(true)
    setOpened(true)
  }
  const drafts = useDrafts()
  if (data === undefined) return null
  const open = (): void => {
    setOpened(true)
    setOpen(true)
  }
  return (
    <>
      <Button size="xs" variant="default" leftSection={<CommentIcon size={14} />} onClick={open} aria-haspopup="dialog">
        {data.num_comments === 0 ? t`Comments` : t`Comments (${count(data.num_comments)})`}
      </Button>
      <Suspense>{wasOpened && <Panel about={about} opened={isOpen} close={() => setOpen(false)} soughtId={soughtId} drafts={drafts} />}</Suspense>
    </>
  )
}
