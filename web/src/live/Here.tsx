/* Who else has the page open: initials for the eye, names for the pointer and for whoever listens. */
import { t } from '@lingui/core/macro'
import { useQuery } from '@tanstack/react-query'
import { meQuery } from '../governance/queries'
import { useLiveness } from './liveness'
import styles from './Here.module.css'
import { initialsOf } from './initials'

const MOST = 5

export function Here() {
  const { here } = useLiveness()
  const { data: me } = useQuery(meQuery)
  const others = here.filter((name) => name !== me?.actor.name)
  if (me === undefined || others.length === 0) return null
  const more = others.length - MOST
  return (
    <ul className={styles.here} aria-label={t`Also on this page`}>
      {others.slice(0, MOST).map((name) => (
        <li key={name} className={styles.one} title={t`${name} is on this page, too`}>
          <span aria-hidden="true">{initialsOf(name)}</span>
          <span className="hidden-visually">{name}</span>
        </li>
      ))}
      {more > 0 && <li className={styles.one} title={others.slice(MOST).join(', ')}>+{more}</li>}
    </ul>
  )
}
