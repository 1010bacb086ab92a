/* What is said about one object, beside its page: threads, and a place to begin one. */
import { plural, t } from '@lingui/core/macro'
import { SegmentedControl } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { Comment } from '../api/types'
import { sh } from '../format/shell'
import { useMay } from '../governance/queries'
import { CommandLine } from '../ui/CommandLine'
import { More } from '../ui/More'
import { SidePanel } from '../ui/SidePanel'
import type { About } from './about'
import { commentsQuery, useSay } from './queries'
import { Say } from './Say'
import { Thread } from './Thread'
import { editOf, NEW, type Drafts } from './useDrafts'

type PanelProps = { about: About; opened: boolean; close: () => void; soughtId: string | null; drafts: Drafts }

export default function Panel({ about, opened, close, soughtId, drafts }: PanelProps) {
  return (
    <SidePanel title={t`Comments on ${about.name}`} opened={opened} close={close}>
      <Threads about={about} soughtId={soughtId} drafts={drafts} />
    </SidePanel>
  )
}

function Threads({ about, soughtId, drafts }: Omit<PanelProps, 'opened' | 'close'>) {
  const comments = useInfiniteQuery(commentsQuery(about))
  const may = useMay('comments.write')
  const say = useSay(about, null)
  const [shown, setShown] = useState<'open' | 'all'>('open')
  // A thread that is settled meanwhile stays while something for it is not sent.
  const isBegun = (one: Comment): boolean => drafts.of(one.thread_id) !== undefined || drafts.of(editOf(one.comment_id)) !== undefined
  return (
    <div className="stack-tight">
      {may && <Say label={t`Say something`} button={t`Comment`} said={drafts.of(NEW)?.said ?? ''} setSaid={(said) => drafts.set(NEW, { said })} send={(said) => say.mutateAsync(said)} />}
      <More query={comments} quiet counted={(num) => plural(num, { one: '# comment', other: '# comments' })} empty={<p className="dim">{t`Nothing is said about it yet. Write @ and a name to ask for somebody.`}</p>}>
        {(rows) => {
          const threads = threadsOf(rows)
          const settled = threads.filter(([first]) => first?.resolved_at != null).length
          const seen = threads.filter((thread) => shown === 'all' || thread[0]?.resolved_at == null || thread.some((one) => one.comment_id === soughtId || isBegun(one)))
          return (
            <>
              {settled > 0 && (
                <SegmentedControl size="xs" aria-label={t`Which threads`} value={shown} onChange={(value) => setShown(value === 'all' ? 'all' : 'open')}
                  data={[{ value: 'open', label: t`Open` }, { value: 'all', label: t`All, with ${settled} resolved` }]} />
              )}
              {seen.length === 0 && <p className="dim">{t`Every thread is resolved.`}</p>}
              {seen.map((thread) => <Thread key={thread[0]?.thread_id} about={about} comments={thread} soughtId={soughtId} drafts={drafts} />)}
            </>
          )
        }}
      </More>
      <CommandLine command={sh`treadle comment list ${about.kind} ${about.name}`} />
    </div>
  )
}

/** Comments come thread by thread. */
function threadsOf(comments: readonly Comment[]): Comment[][] {
  const threads = new Map<string, Comment[]>()
  for (const comment of comments) threads.set(comment.thread_id, [...(threads.get(comment.thread_id) ?? []), comment])
  return [...threads.values()]
}
