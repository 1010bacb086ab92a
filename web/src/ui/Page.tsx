/* One page: where it is, its name, what it is for, the command that does the same, then the content. Moving to a page moves
   the focus to its name, so that a keyboard or a screen reader starts where the eye does; the first page begins at the top. */
import { t } from '@lingui/core/macro'
import { Link, useRouterState } from '@tanstack/react-router'
import { useEffect, useRef, type ReactNode } from 'react'
import { Comments } from '../comments/Comments'
import { Here } from '../live/Here'
import { ViewsOfPage } from '../views/OfPage'
import { CommandLine } from './CommandLine'
import { FormPlace } from './FormPlace'
import styles from './Page.module.css'
import { Snippet } from './Snippet'

export type Crumb = { label: string; to: string }

type PageProps = {
  title: string
  crumbs?: Crumb[]
  /** One or two sentences below the title. */
  lead?: ReactNode
  /** Beside the title: a status, a version. */
  beside?: ReactNode
  actions?: ReactNode
  command?: string
  /** Lines of Python that do the same with `client`. */
  python?: string
  /** Pages that belong together, this one among them. */
  tabs?: readonly Crumb[]
  children: ReactNode
}

export function Page({ title, crumbs = [], lead, beside, actions, command, python, tabs, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${title} · Treadle`
  }, [title])
  const moved = useRouterState({ select: (state) => (state.location.state.__TSR_index ?? 0) > 0 })
  useEffect(() => {
    if (moved) heading.current?.focus({ preventScroll: true })
  }, [moved])
  return (
    <FormPlace>
      <div className={styles.page}>
        <header className={styles.head}>
          {crumbs.length > 0 && (
            <nav aria-label={t`Breadcrumb`} className={styles.crumbs}>
              {crumbs.map((crumb, at) => (
                <span key={crumb.to}>
                  {at > 0 && <span aria-hidden="true"> / </span>}
                  <Link to={crumb.to}>{crumb.label}</Link>
                </span>
              ))}
            </nav>
          )}
          <div className="spread">
            <div className="row">
              <h1 tabIndex={-1} ref={heading}>{title}</h1>
              {beside}
            </div>
            <div className="row">
              {actions}
              <ViewsOfPage />
              <Comments />
              <Here />
            </div>
          </div>
          {lead && <p className={styles.lead}>{lead}</p>}
          {(command || python) && (
            <div className="row">
              {command && <CommandLine command={command} />}
              {python && <Snippet body={python} />}
            </div>
          )}
          {tabs && <Tabs tabs={tabs} />}
        </header>
        {children}
      </div>
    </FormPlace>
  )
}

/** Links, because each is a page with an address of its own. */
function Tabs({ tabs }: { tabs: readonly Crumb[] }) {
  return (
    <nav aria-label={t`${tabs[0]?.label ?? ''} and what belongs to it`} className={styles.tabs}>
      {tabs.map((tab) => (
        <Link key={tab.to} to={tab.to} activeOptions={{ exact: true, includeSearch: false }} className={styles.tab}>{tab.label}</Link>
      ))}
    </nav>
  )
}

/** A part of a page under its own heading, which `heading` can be led to. */
export function Section({ title, beside, children, id, heading }: { title: string; beside?: ReactNode; children: ReactNode; id?: string; heading?: React.Ref<HTMLHeadingElement> }) {
  return (
    <section className={styles.section} aria-label={title} id={id}>
      <div className="spread">
        <h2 ref={heading} tabIndex={heading ? -1 : undefined}>{title}</h2>
        {beside}
      </div>
      {children}
    </section>
  )
}

export function Panel({ children, className }: { children: ReactNode; className?: string }) {
  return <div className={className ? `${styles.panel} ${className}` : styles.panel}>{children}</div>
}
