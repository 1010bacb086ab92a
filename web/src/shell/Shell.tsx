/* The frame around every page: the mark, where one can go, who one is. On a narrow screen the places fold behind a button. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { AppShell, Burger } from '@mantine/core'
import { useDisclosure, useHotkeys } from '@mantine/hooks'
import { Link, Outlet, useRouterState } from '@tanstack/react-router'
import { lazy, Suspense, useEffect, useState, type ReactNode } from 'react'
import { Mentions } from '../comments/Mentions'
import { NotLive } from '../live/NotLive'
import { useLive } from '../live/useLive'
import { Mark, SearchIcon } from '../ui/icons'
import { isAt, PLACES } from './places'
import { Scheme } from './Scheme'
import styles from './Shell.module.css'

const Palette = lazy(() => import('./Palette'))
const KEYS = /mac|iphone|ipad/i.test(navigator.userAgent) ? '⌘K' : 'Ctrl K'

/** `children`: what stands in the frame where no page does. */
export function Shell({ children }: { children?: ReactNode }) {
  const [open, { toggle, close }] = useDisclosure(false)
  const [asking, palette] = useDisclosure(false)
  useHotkeys([['mod+K', palette.toggle]], [], true)
  const [wasAsked, setAsked] = useState(false)
  if (asking && !wasAsked) setAsked(true)
  const path = useRouterState({ select: (state) => state.location.pathname })
  useLive(path)
  useEffect(() => {
    close()
    window.scrollTo(0, 0)
  }, [path, close])
  return (
    <AppShell
      header={{ height: { base: 48, sm: 0 } }}
      navbar={{ width: 196, breakpoint: 'sm', collapsed: { mobile: !open } }}
      padding={{ base: 'md', sm: 'xl' }}
      transitionDuration={0}
    >
      <a className={styles.skip} href="#main" onClick={skipTo}>{t`Skip to content`}</a>
      <AppShell.Header className={styles.header} hiddenFrom="sm">
        <Brand />
        <div className={styles.corner}>
          <Mentions />
          <Burger opened={open} onClick={toggle} size="sm" aria-label={open ? t`Close the menu` : t`Open the menu`} aria-expanded={open} />
        </div>
      </AppShell.Header>
      <AppShell.Navbar className={styles.navbar} data-open={open || undefined}>
        <div className={styles.top}><Brand /><Mentions /></div>
        <button type="button" className={styles.ask} onClick={palette.open} aria-haspopup="dialog" aria-keyshortcuts="Control+K Meta+K">
          <SearchIcon size={14} /> <Trans>Go to… <kbd aria-hidden="true">{KEYS}</kbd></Trans>
        </button>
        <nav aria-label={t`Main`} className={styles.nav}>
          {PLACES.map(({ group, places }, index) => (
            <div key={group ?? index} className={styles.group}>
              {group && <div className={styles.label}>{group}</div>}
              <ul>
                {places.map((place) => (
                  <li key={place.to}>
                    <Link to={place.to} className={styles.place} data-here={isAt(path, place) || undefined}>
                      <place.Icon />
                      {place.label}
                    </Link>
                  </li>
                ))}
              </ul>
            </div>
          ))}
        </nav>
        <NotLive />
        <Scheme />
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1} className={styles.main}>
        {children ?? <Outlet />}
      </AppShell.Main>
      <Suspense>{wasAsked && <Palette opened={asking} close={palette.close} />}</Suspense>
    </AppShell>
  )
}

function Brand() {
  return (
    <Link to="/" className={styles.brand} aria-label={t`Treadle, home`}>
      <Mark />
      <span>{t`Treadle`}</span>
    </Link>
  )
}

/** Routes live behind '#', so a fragment link cannot be followed as one: move the focus instead. */
function skipTo(event: React.MouseEvent) {
  event.preventDefault()
  document.getElementById('main')?.focus()
}
