/* Filling a queue with answers from traffic: which ones may be taken, how they are chosen, and how many. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, NativeSelect, NumberInput, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useMutation } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { api, body } from '../api/client'
import { sh } from '../format/shell'
import { Dialog } from '../ui/Dialog'

const STRATEGIES = [
  { value: 'newest', label: t`The newest` },
  { value: 'sample', label: t`A random sample` },
  { value: 'active', label: t`Those that are worth most to judge` },
] as const

const EMPTY: { strategy: (typeof STRATEGIES)[number]['value']; num: number; q: string } = { strategy: 'newest', num: 50, q: '' }

export function Fill({ name }: { name: string }) {
  const [opened, { open, close }] = useDisclosure(false)
  const [form, setForm] = useState(EMPTY)
  const set = (part: Partial<typeof EMPTY>): void => setForm({ ...form, ...part })
  const q = form.q.trim()
  const fill = useMutation({
    mutationFn: () => body(api.POST('/api/v1/queues/{name}/fill', { params: { path: { name } }, body: { strategy: form.strategy, num: form.num, priority: 0, seed: 0, wanted: q === '' ? {} : { q } } })),
  })
  return (
    <>
      <Button size="sm" variant="default" onClick={open}>{t`Fill`}</Button>
      <Dialog
        title={t`Fill ${name} from traffic`}
        opened={opened}
        close={close}
        confirm={t`Fill it`}
        run={() => fill.mutateAsync()}
        words={t`Answers that are in the queue already are not taken again.`}
        command={sh`treadle queue fill ${name} --strategy ${form.strategy} --num ${String(form.num)}` + (q === '' ? '' : sh` --query ${q}`)}
        shown={['num']}
        stays
        done={fill.data && <p><Trans>It is being filled: <Link to="/runs/$runId" params={{ runId: fill.data.run_id }} onClick={close}>{fill.data.title}</Link>. The items show here as they come.</Trans></p>}
      >
        {(faults) => (
          <>
            <NativeSelect label={t`Which`} data={[...STRATEGIES]} value={form.strategy} onChange={(event) => set({ strategy: STRATEGIES.find(({ value }) => value === event.currentTarget.value)?.value ?? 'newest' })} />
            <NumberInput label={t`How many`} min={1} max={1000} value={form.num} onChange={(num) => set({ num: Number(num) })} error={faults('num')} />
            <TextInput label={t`Only those that match`} description={t`A filter as in the list of traces, such as status:ok age<7d; empty takes all`} value={form.q} onChange={(event) => set({ q: event.currentTarget.value })} />
          </>
        )}
      </Dialog>
    </>
  )
}
