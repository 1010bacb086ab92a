/* Has a run go on that failed or was cancelled, after asking once more. Where that cannot be, it says why. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { api, body } from '../api/client'
import type { Run } from '../api/types'
import { sh } from '../format/shell'
import { useMay } from '../governance/queries'
import { Confirm } from '../ui/Confirm'

export function RetryRun({ run, size = 'xs' }: { run: Run; size?: string }) {
  const may = useMay('jobs.write')
  const requests = useQueryClient()
  const retry = useMutation({
    mutationFn: () => body(api.POST('/api/v1/runs/{run_id}/retry', { params: { path: { run_id: run.run_id } } })),
    onSuccess: () => Promise.all([requests.invalidateQueries({ queryKey: ['runs'] }), requests.invalidateQueries({ queryKey: ['turns'] })]),
  })
  if (!may || (run.status !== 'failed' && run.status !== 'cancelled')) return null
  if (run.parent_run_id != null) return <span className="dim"><Trans>Goes on with <Link to="/runs/$runId" params={{ runId: run.parent_run_id }}>the whole work</Link></Trans></span>
  if (run.once !== '') return <span className="dim untrusted">{t`Not again: ${run.once}`}</span>
  return (
    <Confirm title={t`Go on with this run?`} words={t`It goes on where it stopped: steps that ended well are not done again.`} command={sh`treadle run retry ${run.run_id}`} confirm={t`Go on`} run={() => retry.mutateAsync()}>
      {(open) => <Button size={size} variant="default" onClick={open}><Trans>Go on<span className="hidden-visually"> with {run.title}</span></Trans></Button>}
    </Confirm>
  )
}
