/* How far a queue is, as a bar with its words. */
import { plural, t } from '@lingui/core/macro'
import type { Queue } from '../api/types'
import { count } from '../format/numbers'
import styles from './Judge.module.css'

export function Progress({ queue }: { queue: Pick<Queue, 'name' | 'num_items' | 'num_done' | 'num_reserved' | 'num_skipped'> }) {
  const { num_items, num_done, num_reserved, num_skipped } = queue
  const more = [num_reserved > 0 && t`${count(num_reserved)} open right now`, num_skipped > 0 && t`${count(num_skipped)} skipped`].filter(Boolean)
  const words = num_items === 0 ? t`No items yet` : [t`${count(num_done)} of ${plural(num_items, { one: '# item', other: '# items' })} done`, ...more].join(' · ')
  return (
    <div className={styles.progress}>
      <div className={styles.bar} role="progressbar" aria-label={t`Progress of ${queue.name}`} aria-valuemin={0} aria-valuemax={Math.max(1, num_items)} aria-valuenow={num_done} aria-valuetext={words}>
        <span style={{ inlineSize: `${num_items === 0 ? 0 : (num_done / num_items) * 100}%` }} />
      </div>
      <span className="dim">{words}</span>
    </div>
  )
}
