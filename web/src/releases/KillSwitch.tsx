/* An endpoint's kill switch: switched off it answers nothing, and callers read why. */
import { t } from '@lingui/core/macro'
import { Button, TextInput } from '@mantine/core'
import { useState } from 'react'
import { sh } from '../format/shell'
import { useMay } from '../governance/queries'
import { Confirm } from '../ui/Confirm'
import { useSwitch } from './queries'

const LEAST_REASON = 3

export function KillSwitch({ name, disabled }: { name: string; disabled: string | null }) {
  const may = useMay('releases.write')
  const turn = useSwitch(name)
  const [reason, setReason] = useState('')
  if (!may) return null
  // Each a dialog of its own: one that stands open does not turn into the other when somebody else was quicker.
  if (disabled !== null) {
    return (
      <Confirm key="on" title={t`Serve again?`} words={t`Gateways answer again within a second.`} command={sh`treadle endpoint enable ${name}`} confirm={t`Serve again`} run={() => turn.mutateAsync(null)}>
        {(open) => <Button size="xs" onClick={open}>{t`Serve again`}</Button>}
      </Confirm>
    )
  }
  return (
    <Confirm
      key="off"
      title={t`Switch ${name} off?`}
      words={t`Every gateway refuses its requests within a second; callers read the reason.`}
      command={sh`treadle endpoint disable ${name} --reason ${reason.trim() || 'REASON'}`}
      confirm={t`Switch off`}
      danger
      disabled={reason.trim().length < LEAST_REASON}
      fields={<TextInput label={t`Reason`} required value={reason} onChange={(event) => setReason(event.currentTarget.value)} />}
      run={() => turn.mutateAsync(reason.trim())}
    >
      {(open) => <Button size="xs" variant="default" color="red" onClick={open}>{t`Switch off`}</Button>}
    </Confirm>
  )
}
