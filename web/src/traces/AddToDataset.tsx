/* Making rows of a dataset of answers: of those that were chosen, or of what stands in a queue. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Autocomplete, Button, NativeSelect } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useInfiniteQuery, useMutation } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { api, body } from '../api/client'
import { datasetsQuery } from '../data/queries'
import { sh } from '../format/shell'
import { Dialog } from '../ui/Dialog'

/** A command names so many traces at most; of more it shows the shape. */
const NAMED = 3

const UNJUDGED = [
  { value: 'keep', label: t`Take them without an expected output` },
  { value: 'answer', label: t`Take what was answered as right` },
  { value: 'leave_out', label: t`Leave them out` },
] as const

type AddToDatasetProps = { of: { trace_ids: string[] } | { queue: string }; /** Of what, in words. */ what: string; size?: 'xs' | 'sm' }

export function AddToDataset({ of, what, size = 'xs' }: AddToDatasetProps) {
  const [opened, { open, close }] = useDisclosure(false)
  const [name, setName] = useState('')
  const [unjudged, setUnjudged] = useState<(typeof UNJUDGED)[number]['value']>('keep')
  const datasets = useInfiniteQuery({ ...datasetsQuery, enabled: opened })
  const names = datasets.data?.pages.flatMap((page) => page.items.map((dataset) => dataset.name)) ?? []
  const curate = useMutation({
    mutationFn: () => body(api.POST('/api/v1/datasets/{name}/curate', { params: { path: { name } }, body: { ...of, unjudged, mask_personal_data: true } })),
  })
  return (
    <>
      <Button size={size} variant="default" onClick={open}>{t`Add to a dataset`}</Button>
      <Dialog
        title={t`Add ${what} to a dataset`}
        opened={opened}
        close={close}
        confirm={t`Add`}
        disabled={name.trim() === ''}
        run={() => curate.mutateAsync()}
        words={t`They become its next version: what people corrected as the expected output, for each row where it came from, personal data and secrets as tokens such as [EMAIL].`}
        command={sh`treadle data curate ${name || 'DATASET'}` + ('queue' in of ? sh` --queue ${of.queue}` : named(of.trace_ids, '--trace ')) + (unjudged === 'keep' ? '' : ` --unjudged ${unjudged}`)}
        shown={['name']}
        stays
        done={curate.data && <p><Trans>It is being made: <Link to="/runs/$runId" params={{ runId: curate.data.run_id }} onClick={close}>{curate.data.title}</Link>.</Trans></p>}
      >
        {(faults) => (
          <>
            <Autocomplete label={t`Dataset`} description={t`One that is there, or a new name`} data={names} value={name} onChange={setName} error={faults('name')} comboboxProps={{ withinPortal: true }} />
            <NativeSelect label={t`Answers that nobody corrected`} data={[...UNJUDGED]} value={unjudged} onChange={(event) => setUnjudged(UNJUDGED.find(({ value }) => value === event.currentTarget.value)?.value ?? 'keep')} />
          </>
        )}
      </Dialog>
    </>
  )
}

function named(traceIds: readonly string[], flag: string): string {
  const shown = traceIds.slice(0, NAMED).map((id) => ` ${flag}${id}`)
  return shown.join('') + (traceIds.length > NAMED ? ` ${flag}…` : '')
}
