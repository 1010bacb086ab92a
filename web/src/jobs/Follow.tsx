/* A run that the page waits for, in one line; one that failed says why, and leads to its log. */
import { t } from '@lingui/core/macro'
import { Progress } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import type { Run } from '../api/types'
import { Status } from '../ui/Status'
import { Panel } from '../ui/Page'
import { isGoing } from './queries'

export function Follow({ run }: { run: Run | undefined }) {
  if (run === undefined || run.status === 'succeeded') return null
  return (
    <Panel>
      <div className="stack-tight" role={isGoing(run) ? 'status' : 'alert'}>
        <p className="row">
          <Status state={run.status} /> <Link to="/runs/$runId" params={{ runId: run.run_id }}>{run.title}</Link>
          <span className="dim untrusted">{run.error ? run.error.message : run.progress_text}</span>
        </p>
        {isGoing(run) && <Progress value={run.progress * 100} aria-label={t`Progress of ${run.title}`} />}
      </div>
    </Panel>
  )
}
