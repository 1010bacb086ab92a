/* One comment: who, when, what. Its author may edit it; when somebody was quicker both texts are shown and neither is lost. */
import { t } from '@lingui/core/macro'
import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { lazy, Suspense, useEffect, useRef, useState } from 'react'
import { Problem } from '../api/problem'
import type { Comment } from '../api/types'
import { sh } from '../format/shell'
import { meQuery, useMay } from '../governance/queries'
import { initialsOf } from '../live/initials'
import { Confirm } from '../ui/Confirm'
import { When } from '../ui/When'
import styles from './Comments.module.css'
import { useDelete, useEdit } from './queries'
import { Say } from './Say'
import { editOf, type Draft, type Drafts } from './useDrafts'

const Markdown = lazy(() => import('../ui/Markdown'))
const CHANGED = 'comments.changed'

export function One({ comment, isSought, drafts }: { comment: Comment; isSought: boolean; drafts: Drafts }) {
  const { data: me } = useQuery(meQuery)
  const mayWrite = useMay('comments.write')
  const governs = useMay('comments.govern')
  const remove = useDelete(comment.comment_id)
  const edited = drafts.of(editOf(comment.comment_id))
  const edit = (draft: Draft | null): void => drafts.set(editOf(comment.comment_id), draft)
  const here = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (isSought) here.current?.scrollIntoView({ block: 'center' })
  }, [isSought])
  const author = comment.author ?? t`somebody who was erased`
  const isMine = mayWrite && (governs || comment.author_id === me?.actor.actor_id)
  return (
    <div className={styles.one} ref={here} data-sought={isSought || undefined} data-answer={comment.comment_id !== comment.thread_id || undefined}>
      <div className={styles.who}>
        <span className={styles.face} aria-hidden="true">{initialsOf(author)}</span>
        <strong>{author}</strong> <span className="dim"><When at={comment.created_at} />{comment.edited_at != null && <>, {comment.edited_by == null || comment.edited_by === comment.author ? t`edited` : t`edited by ${comment.edited_by}`}</>}</span>
      </div>
      {comment.is_deleted && <p className="dim">{t`These words were deleted.`}</p>}
      {edited ? <Edit comment={comment} draft={edited} setDraft={edit} /> : !comment.is_deleted && <Suspense fallback={<p className="untrusted">{comment.body}</p>}><Markdown text={comment.body} /></Suspense>}
      {isMine && !comment.is_deleted && !edited && (
        <div className="row">
          <Button size="compact-xs" variant="subtle" onClick={() => edit({ said: comment.body, version: comment.version })}>{t`Edit`}</Button>
          <Confirm title={t`Delete this comment?`} words={t`Its words are gone for everybody; answers to it stay.`} command={sh`treadle comment delete ${comment.comment_id}`} confirm={t`Delete`} danger run={() => remove.mutateAsync()}>
            {(open) => <Button size="compact-xs" variant="subtle" color="red" onClick={open}>{t`Delete`}</Button>}
          </Confirm>
        </div>
      )}
    </div>
  )
}

type Current = { body: string; version: number; edited_by: string | null; is_deleted: boolean }

function Edit({ comment, draft, setDraft }: { comment: Comment; draft: Draft; setDraft: (draft: Draft | null) => void }) {
  const edit = useEdit(comment.comment_id)
  const [current, setCurrent] = useState<Current | null>(null)
  // The version that the words in the field were made from, whatever arrives meanwhile.
  const version = current?.version ?? draft.version ?? comment.version
  const close = (): void => setDraft(null)
  const send = async (words: string) => {
    try {
      const kept = await edit.mutateAsync({ said: words, version })
      close()
      return kept
    } catch (thrown) {
      const now = currentOf(thrown)
      if (now === null) throw thrown
      setCurrent(now)
      return null
    }
  }
  return (
    <>
      {current !== null && (
        <div className={styles.conflict} role="alert">
          <p><strong>{current.is_deleted ? t`It was deleted meanwhile.` : current.edited_by === null ? t`It was edited meanwhile.` : t`${current.edited_by} has edited it meanwhile.`}</strong> {current.is_deleted ? t`Copy your words and answer instead.` : t`Put both together below, or take what stands there now.`}</p>
          {!current.is_deleted && <p className="untrusted" data-current>{current.body}</p>}
          {!current.is_deleted && <div><Button size="compact-xs" variant="default" onClick={close}>{t`Leave it as it is now`}</Button></div>}
        </div>
      )}
      <Say label={t`Your words`} button={current === null ? t`Save` : t`Save mine over it`} said={draft.said} setSaid={(said) => setDraft({ ...draft, said })} autoFocus cancel={close} keeps send={send} />
    </>
  )
}

/** What stands there now, where an edit was refused because somebody was quicker. */
function currentOf(thrown: unknown): Current | null {
  return thrown instanceof Problem && thrown.code === CHANGED ? (thrown.values['current'] as Current) : null
}
