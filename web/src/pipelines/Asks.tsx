/* A turn that waits for people before it releases: what it asks, the release that it would make, and the two answers. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, TextInput } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { Run } from '../api/types'
import { sh } from '../format/shell'
import { useMay } from '../governance/queries'
import { Confirm } from '../ui/Confirm'
import { Panel } from '../ui/Page'
import { Status } from '../ui/Status'
import { ASKS, useRefuseTurn } from './queries'

const LEAST_REASON = 3

/** `steps`: what the turn has done so far. Nothing where it does not wait. */
export function Asks({ turn, steps }: { turn: Run; steps: readonly Run[] }) {
  const asks = steps.find((step) => step.kind === ASKS && step.status === 'running')
  const releaseId = asks?.params['release_id']
  if (asks === undefined) return null
  return (
    <Panel>
      <div className="stack-tight">
        <p className="row" role="status"><Status state="held" word={t`Waits for a person`} /> <span className="untrusted">{asks.progress_text}</span></p>
        <div className="row">
          {typeof releaseId === 'string' && <Link to="/releases/$releaseId" params={{ releaseId }}>{t`Look at the release and approve it`}</Link>}
          <Refuse turnId={turn.run_id} title={turn.title} />
        </div>
      </div>
    </Panel>
  )
}

function Refuse({ turnId, title }: { turnId: string; title: string }) {
  const may = useMay('releases.approve')
  const refuse = useRefuseTurn(turnId)
  const [reason, setReason] = useState('')
  if (!may) return null
  return (
    <Confirm
      title={t`Refuse what this turn would release?`}
      words={t`The turn ends here and nothing is released. What it made stays.`}
      command={sh`treadle turn refuse ${turnId} --reason ${reason.trim() || 'REASON'}`}
      confirm={t`Refuse it`}
      danger
      disabled={reason.trim().length < LEAST_REASON}
      fields={<TextInput label={t`Reason`} required value={reason} onChange={(event) => setReason(event.currentTarget.value)} />}
      run={() => refuse.mutateAsync(reason.trim())}
    >
      {(open) => <Button size="xs" variant="default" color="red" onClick={open}><Trans>Refuse<span className="hidden-visually"> {title}</span></Trans></Button>}
    </Confirm>
  )
}
