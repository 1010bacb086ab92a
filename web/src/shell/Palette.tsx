/* Ctrl-K or ⌘K: anything by name. One types; places, things, runs, people and traces stand below; arrows choose and Enter goes. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Modal, useMantineColorScheme } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useRouter } from '@tanstack/react-router'
import { useEffect, useId, useRef, useState, type KeyboardEvent } from 'react'
import { problemOf } from '../api/problem'
import { actorsQuery, useMay, useSignOut } from '../governance/queries'
import { foundFor, heldTo, holds, isFound, placesFor, runsFor, stepTo, tracesFor, type Entry } from './entries'
import styles from './Palette.module.css'
import { foundQuery } from './queries'

const WAIT_MS = 150
const MOST_TYPED = 200

export default function Palette({ opened, close }: { opened: boolean; close: () => void }) {
  return (
    <Modal opened={opened} onClose={close} withCloseButton={false} size="lg" yOffset="12vh" padding={0} title={<span className="hidden-visually">{t`Go to anything`}</span>} styles={{ header: { position: 'absolute', minHeight: 0, padding: 0 } }}>
      {opened && <Inside close={close} />}
    </Modal>
  )
}

function Inside({ close }: { close: () => void }) {
  const [typed, setTyped] = useState('')
  const [at, setAt] = useState(0)
  const list = useRef<HTMLDivElement>(null)
  const id = useId()
  const router = useRouter()
  const { groups, problem, isLooking } = useGroups(typed)
  const [isHeld, setHeld] = useState(false)
  const [failed, setFailed] = useState<string | null>(null)
  const entries = groups.flatMap((group) => group.entries)
  const chosen = Math.min(at, Math.max(entries.length - 1, 0))
  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' })
  }, [chosen])
  const go = (entry: Entry | undefined): void => {
    setHeld(false)
    if (entry === undefined) return
    if (typeof entry.to === 'string') {
      close()
      router.history.push(entry.to)
      return
    }
    setFailed(null)
    void Promise.resolve(entry.to()).then(close, (thrown: unknown) => setFailed(wordsOf(thrown)))
  }
  // Enter while the server is still asked: what stands there was found for other words, so it goes once the answer is here.
  const enter = (): void => {
    const entry = entries[chosen]
    if (isLooking && (entry === undefined || isFound(entry))) setHeld(true)
    else go(entry)
  }
  useEffect(() => {
    if (isHeld && !isLooking) go(heldTo(entries, chosen, problem !== null))
  })
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault()
      setAt(stepTo(chosen, event.key === 'ArrowDown' ? 1 : -1, entries.length))
    }
    if (event.key === 'Enter' && !event.nativeEvent.isComposing) {
      event.preventDefault()
      enter()
    }
  }
  return (
    <>
      <input
        className={styles.input}
        type="text"
        role="combobox"
        aria-label={t`Go to anything`}
        aria-expanded="true"
        aria-controls={`${id}-list`}
        aria-activedescendant={entries.length > 0 ? `${id}-${chosen}` : undefined}
        aria-autocomplete="list"
        placeholder={t`A page, a name, an id…`}
        maxLength={MOST_TYPED}
        data-autofocus
        value={typed}
        onChange={(event) => (setTyped(event.currentTarget.value), setAt(0), setHeld(false))}
        onKeyDown={onKey}
      />
      <div ref={list} id={`${id}-list`} role="listbox" aria-label={t`Found`} className={styles.list}>
        {groups.map((group) => (
          <div key={group.label} role="group" aria-label={group.label}>
            <div className={styles.group} aria-hidden="true">{group.label}</div>
            {group.entries.map((entry) => {
              const index = entries.indexOf(entry)
              return (
                <div key={entry.key} id={`${id}-${index}`} role="option" aria-selected={index === chosen} className={styles.entry} onMouseMove={() => setAt(index)} onClick={() => go(entry)}>
                  <span className="untrusted">{entry.label}</span>
                  <span className={styles.kind}>{entry.kind}</span>
                </div>
              )
            })}
          </div>
        ))}
      </div>
      <p className={styles.foot} role="status">
        {failed !== null ? t`It did not work: ${failed}` : problem !== null ? t`The search failed: ${problem}` : isLooking ? t`Looking…` : entries.length === 0 ? t`Nothing is called so` : <Trans><kbd>↑</kbd> <kbd>↓</kbd> choose, <kbd>Enter</kbd> goes there, <kbd>Esc</kbd> closes</Trans>}
      </p>
    </>
  )
}

type Group = { label: string; entries: Entry[] }

/** What there is for what was typed. Places come at once, things as soon as the server has answered. */
function useGroups(typed: string): { groups: Group[]; problem: string | null; isLooking: boolean } {
  const [settled] = useDebouncedValue(typed.trim(), WAIT_MS)
  const maySeePeople = useMay('access.read')
  const found = useQuery(foundQuery(settled))
  const people = useQuery({ ...actorsQuery, enabled: maySeePeople && settled !== '' })
  const deeds = useDeeds()
  const isTyped = typed.trim() !== ''
  const groups: Group[] = [
    { label: t`Pages`, entries: placesFor(typed) },
    { label: t`Things`, entries: isTyped && found.data ? foundFor(settled, found.data.nodes) : [] },
    { label: t`Runs`, entries: isTyped && found.data ? runsFor(found.data.runs) : [] },
    { label: t`People`, entries: isTyped ? (people.data ?? []).filter((actor) => holds(actor.name, typed)).slice(0, 5).map((actor) => ({ key: actor.actor_id, label: actor.name, kind: actor.role, to: `/access?who=${encodeURIComponent(actor.name)}` })) : [] },
    { label: t`Traces`, entries: tracesFor(typed) },
    { label: t`Do`, entries: isTyped ? deeds.filter((deed) => holds(deed.label, typed)) : [] },
  ]
  const isLooking = isTyped && (settled !== typed.trim() || found.isFetching)
  return { groups: groups.filter((group) => group.entries.length > 0), problem: found.error ? wordsOf(found.error) : null, isLooking }
}

const wordsOf = (thrown: unknown): string => problemOf(thrown).detail || t`the server does not answer`

function useDeeds(): Entry[] {
  const { setColorScheme } = useMantineColorScheme()
  const signOut = useSignOut()
  const navigate = useNavigate()
  return [
    { key: 'light', label: t`Light colours`, kind: t`look`, to: () => setColorScheme('light') },
    { key: 'dark', label: t`Dark colours`, kind: t`look`, to: () => setColorScheme('dark') },
    { key: 'auto', label: t`Colours as the system has them`, kind: t`look`, to: () => setColorScheme('auto') },
    { key: 'out', label: t`Sign out`, kind: t`you`, to: () => signOut.mutateAsync().then(() => navigate({ to: '/sign-in' })) },
  ]
}
