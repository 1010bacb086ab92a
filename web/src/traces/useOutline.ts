/* The tree of one trace as far as it is here: what the first page brought, and parts fetched when they come into sight. */
import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import type { TraceTree } from '../api/types'
import { problemOf, type Problem } from '../api/problem'
import { linesOf, missing, openAtFirst, outlineOf, TOP, withParts, type Line, type Outline } from './outline'
import { partsOf } from './queries'

type Trunk = {
  outline: Outline
  lines: Line[]
  open: ReadonlySet<string>
  toggle: (spanId: string, wanted?: boolean) => void
  /** Fetch more parts of a span; safe to call again while they are on their way. */
  load: (parentId: string) => void
  problem: Problem | null
}

export function useOutline(traceId: string, tree: TraceTree): Trunk {
  const first = useMemo(() => outlineOf(tree), [tree])
  const [outline, setOutline] = useState(first)
  const [open, setOpen] = useState<ReadonlySet<string>>(() => openAtFirst(first, first.rows.size === tree.span_count))
  const [problem, setProblem] = useState<Problem | null>(null)
  const cursors = useRef(new Map<string, string>())
  const busy = useRef(new Set<string>())
  // Told to the end: a trace that grew or was archived meanwhile may have fewer parts than were counted.
  const told = useRef(new Set<string>())

  const begun = useRef(tree)
  useEffect(() => {
    const before = begun.current
    begun.current = tree
    // Read again for another reason, such as a judgement, what was fetched of it stays.
    if (before.span_count === tree.span_count && before.is_complete === tree.is_complete) return
    // The trace grew since it was opened: what was fetched of it is asked for anew.
    cursors.current.clear()
    told.current.clear()
    setOutline(first)
  }, [tree, first])

  const load = useCallback(
    (parentId: string): void => {
      if (busy.current.has(parentId) || told.current.has(parentId)) return
      busy.current.add(parentId)
      partsOf(traceId, parentId === TOP ? undefined : parentId, cursors.current.get(parentId)).then(
        (page) => {
          busy.current.delete(parentId)
          if (page.next_cursor != null) cursors.current.set(parentId, page.next_cursor)
          else told.current.add(parentId)
          setProblem(null)
          setOutline((before) => withParts(before, parentId, page.rows))
        },
        (thrown: unknown) => {
          setProblem(problemOf(thrown))
          // Left busy, so that what is refused is not asked for again with every scroll.
          window.setTimeout(() => busy.current.delete(parentId), 3000)
        },
      )
    },
    [traceId],
  )

  const toggle = useCallback(
    (spanId: string, wanted?: boolean): void => {
      setOpen((before) => {
        const after = new Set(before)
        if (wanted ?? !before.has(spanId)) after.add(spanId)
        else after.delete(spanId)
        return after
      })
      if (wanted !== false && outline.parts.get(spanId) === undefined && missing(outline, spanId) > 0) load(spanId)
    },
    [outline, load],
  )

  const lines = useMemo(() => linesOf(outline, open), [outline, open])
  return { outline, lines, open, toggle, load, problem }
}
