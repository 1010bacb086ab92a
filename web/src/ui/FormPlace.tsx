/* Forms that are opened from a row of a list stand with the page and not in the row: when somebody else removes or renames what is being
   edited, its row goes and the form stays, with what was typed. It is drawn with the row as it was when the form was opened. */
import { createContext, useCallback, useContext, useEffect, useState, type ReactNode } from 'react'

type Drawn = (close: () => void) => ReactNode
type Shown = { draw: Drawn; from: Element | null }

const Place = createContext<(draw: Drawn) => void>(() => undefined)

export function FormPlace({ children }: { children: ReactNode }) {
  const [shown, setShown] = useState<Shown | null>(null)
  const show = useCallback((draw: Drawn) => setShown({ draw, from: document.activeElement }), [])
  // The focus goes back to where the form was opened from, if that is still there.
  useEffect(() => {
    const from = shown?.from
    return () => {
      if (from instanceof HTMLElement && from.isConnected) from.focus({ preventScroll: true })
    }
  }, [shown])
  return (
    <Place value={show}>
      {children}
      {shown?.draw(() => setShown(null))}
    </Place>
  )
}

/** Opens a form over the page that this stands in. */
export const useFormPlace = () => useContext(Place)
