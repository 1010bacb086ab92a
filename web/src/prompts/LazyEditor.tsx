/* The editor where it is needed: it comes in a part of its own. */
import { Skeleton } from '@mantine/core'
import { lazy, Suspense } from 'react'
import type { EditorProps } from './Editor'

const Editor = lazy(() => import('./Editor'))

export function LazyEditor(props: EditorProps) {
  return (
    <Suspense fallback={<Skeleton height={80} />}>
      <Editor {...props} />
    </Suspense>
  )
}
