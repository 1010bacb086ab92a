/* What asks for the reader: how much is unread, in sight everywhere, and the list of it. */
import { plural, t } from '@lingui/core/macro'
import { Button } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useRouter } from '@tanstack/react-router'
import type { Mention } from '../api/types'
import { count } from '../format/numbers'
import { useMay } from '../governance/queries'
import { CommandLine } from '../ui/CommandLine'
import { CommentIcon } from '../ui/icons'
import { More } from '../ui/More'
import { SidePanel } from '../ui/SidePanel'
import { When } from '../ui/When'
import styles from './Comments.module.css'
import { mentionCountQuery, mentionsQuery, useRead } from './queries'

const SHOWN = 160

export function Mentions() {
  const may = useMay('comments.read')
  const [opened, { open, close }] = useDisclosure(false)
  const { data } = useQuery({ ...mentionCountQuery, enabled: may })
  if (data === undefined) return null
  const unread = data.num_unread
  return (
    <>
      <button type="button" className={styles.bell} onClick={open} aria-haspopup="dialog" aria-label={unread === 0 ? t`Mentions of you` : plural(unread, { one: '# unread mention of you', other: '# unread mentions of you' })} title={t`Mentions of you`}>
        <CommentIcon size={16} /> {unread > 0 && <strong aria-hidden="true">{count(unread)}</strong>}
      </button>
      <SidePanel title={t`Mentions of you`} opened={opened} close={close}>
        <List unread={unread} close={close} />
      </SidePanel>
    </>
  )
}

function List({ unread, close }: { unread: number; close: () => void }) {
  const mentions = useInfiniteQuery(mentionsQuery)
  const read = useRead()
  const router = useRouter()
  const follow = ({ comment }: Mention): void => {
    read.mutate([comment.comment_id])
    close()
    router.history.push(comment.subject.path, { comment: comment.comment_id })
  }
  return (
    <div className="stack-tight">
      {unread > 0 && <div><Button size="xs" variant="default" loading={read.isPending} onClick={() => read.mutate(null)}>{t`I have seen all of it`}</Button></div>}
      <More query={mentions} quiet counted={(num) => plural(num, { one: '# mention', other: '# mentions' })} empty={<p className="dim">{t`Nobody has asked for you. Who writes @ and your name in a comment does.`}</p>}>
        {(rows) => (
          <ul className={styles.mentions}>
            {rows.map((mention) => (
              <li key={mention.comment.comment_id}>
                <button type="button" className={styles.mention} data-unread={mention.read_at == null || undefined} onClick={() => follow(mention)}>
                  <span><strong>{mention.comment.author ?? t`somebody who was erased`}</strong> <span className="dim">{mention.comment.subject.title} · <When at={mention.mentioned_at} />{mention.read_at == null && <> · {t`unread`}</>}</span></span>
                  <span className="untrusted">{mention.comment.body.slice(0, SHOWN)}</span>
                </button>
              </li>
            ))}
          </ul>
        )}
      </More>
      <CommandLine command="treadle comment mentions --unread" />
    </div>
  )
}
