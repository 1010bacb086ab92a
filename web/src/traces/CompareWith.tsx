/* Chooses the trace to hold against this one: one of the list it was opened from, or any by its id. */
import { t } from '@lingui/core/macro'
import { Button, NativeSelect, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { sh } from '../format/shell'
import { Dialog } from '../ui/Dialog'
import { asked } from './content'
import { rememberedList } from './neighbours'
import { tracesQuery } from './queries'

const OFFERED = 50

export function CompareWith({ traceId }: { traceId: string }) {
  const [opened, { open, close }] = useDisclosure(false)
  const [chosen, setChosen] = useState('')
  const [typed, setTyped] = useState('')
  const [{ filter, sort }] = useState(() => rememberedList() ?? { filter: {} })
  const navigate = useNavigate()
  const list = useInfiniteQuery({ ...tracesQuery(filter, sort), enabled: opened })
  const offered = (list.data?.pages.flatMap((page) => page.items) ?? []).filter((trace) => trace.trace_id !== traceId).slice(0, OFFERED)
  const otherId = typed.trim() || chosen
  return (
    <>
      <Button size="xs" variant="default" onClick={open}>{t`Compare`}</Button>
      <Dialog
        title={t`Compare with another trace`}
        opened={opened}
        close={close}
        confirm={t`Compare`}
        disabled={otherId === ''}
        command={sh`treadle trace show ${otherId || 'TRACE'}`}
        run={() => navigate({ to: '/traces/$traceId/against/$otherId', params: { traceId, otherId } })}
      >
        {() => (
          <>
            <NativeSelect label={t`A trace of the list`} value={chosen} onChange={(event) => setChosen(event.currentTarget.value)} data={[{ value: '', label: t`Choose one` }, ...offered.map((trace) => ({ value: trace.trace_id, label: `${(asked(trace.input_text) || trace.name).slice(0, 90)} (${trace.trace_id.slice(0, 8)})` }))]} />
            <TextInput label={t`Or any, by its id`} value={typed} onChange={(event) => setTyped(event.currentTarget.value)} />
          </>
        )}
      </Dialog>
    </>
  )
}
