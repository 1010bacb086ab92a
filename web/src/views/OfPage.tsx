/* In the head of every page that is a list: its kept views. What they are made of comes when it is first needed. */
import { useRouterState } from '@tanstack/react-router'
import { lazy, Suspense } from 'react'
import { useMay } from '../governance/queries'
import { listAt } from './lists'

const KeptViews = lazy(async () => ({ default: (await import('./KeptViews')).KeptViews }))

export function ViewsOfPage() {
  const path = useRouterState({ select: (state) => state.location.pathname })
  const may = useMay('traces.read')
  const subject = listAt(path)
  if (subject === undefined || !may) return null
  return <Suspense fallback={null}><KeptViews key={subject} subject={subject} /></Suspense>
}
