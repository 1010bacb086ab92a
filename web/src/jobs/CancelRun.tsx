/* Stops a run that has not ended, after asking once more. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { api, body } from '../api/client'
import type { Run } from '../api/types'
import { sh } from '../format/shell'
import { useMay } from '../governance/queries'
import { Confirm } from '../ui/Confirm'
import { isGoing } from './queries'

export function CancelRun({ run, size = 'xs' }: { run: Run; size?: string }) {
  const may = useMay('jobs.write')
  const requests = useQueryClient()
  const cancel = useMutation({
    mutationFn: () => body(api.POST('/api/v1/runs/{run_id}/cancel', { params: { path: { run_id: run.run_id } } })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['runs'] }),
  })
  if (!may || !isGoing(run)) return null
  return (
    <Confirm title={t`Stop this run?`} words={t`The run and its steps stop. What they finished stays.`} command={sh`treadle run cancel ${run.run_id}`} confirm={t`Stop it`} danger run={() => cancel.mutateAsync()}>
      {(open) => <Button size={size} variant="default" onClick={open}><Trans>Stop<span className="hidden-visually"> {run.title}</span></Trans></Button>}
    </Confirm>
  )
}
