/* One thread: its comments, a place to answer, and whether it is settled. */
import { t } from '@lingui/core/macro'
import { Button } from '@mantine/core'
import { problemOf } from '../api/problem'
import type { Comment } from '../api/types'
import { useMay } from '../governance/queries'
import { ProblemState } from '../ui/states'
import { Status } from '../ui/Status'
import type { About } from './about'
import styles from './Comments.module.css'
import { One } from './One'
import { useResolve, useSay } from './queries'
import { Say } from './Say'
import type { Drafts } from './useDrafts'

export function Thread({ about, comments, soughtId, drafts }: { about: About; comments: readonly Comment[]; soughtId: string | null; drafts: Drafts }) {
  const [first] = comments
  const threadId = first?.thread_id ?? ''
  const may = useMay('comments.write')
  const resolve = useResolve(threadId)
  const say = useSay(about, threadId)
  const answer = drafts.of(threadId)
  if (first === undefined) return null
  const isResolved = first.resolved_at != null
  return (
    <article className={styles.thread} aria-label={t`Thread by ${first.author ?? t`somebody who was erased`}`}>
      {isResolved && <div><Status state="resolved" word={first.resolved_by == null ? t`Resolved` : t`Resolved by ${first.resolved_by}`} /></div>}
      {comments.map((comment) => <One key={comment.comment_id} comment={comment} isSought={comment.comment_id === soughtId} drafts={drafts} />)}
      {answer && (
        <Say label={t`Your answer`} button={t`Answer`} said={answer.said} setSaid={(said) => drafts.set(threadId, { said })} autoFocus keeps cancel={() => drafts.set(threadId, null)}
          send={async (words) => {
            const kept = await say.mutateAsync(words)
            drafts.set(threadId, null)
            return kept
          }} />
      )}
      {may && !answer && (
        <div className="row">
          <Button size="compact-xs" variant="default" onClick={() => drafts.set(threadId, { said: '' })}>{t`Answer`}</Button>
          <Button size="compact-xs" variant="default" loading={resolve.isPending} onClick={() => resolve.mutate(!isResolved)}>{isResolved ? t`Open again` : t`Resolve`}</Button>
        </div>
      )}
      {resolve.error && <ProblemState problem={problemOf(resolve.error)} />}
    </article>
  )
}
