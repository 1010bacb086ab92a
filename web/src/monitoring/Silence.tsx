/* Tell nobody of a monitor's alerts for a while, or tell again. The monitor goes on looking either way. */
import { t } from '@lingui/core/macro'
import { Button, NativeSelect, TextInput } from '@mantine/core'
import { useState } from 'react'
import type { Monitor } from '../api/types'
import { sh } from '../format/shell'
import { exact } from '../format/times'
import { useMay } from '../governance/queries'
import { Confirm } from '../ui/Confirm'
import { useSilence } from './queries'

const LENGTHS = [
  { value: '60', label: t`An hour` },
  { value: '240', label: t`Four hours` },
  { value: '1440', label: t`A day` },
  { value: '10080', label: t`A week` },
]

export function Silence({ monitor }: { monitor: Monitor }) {
  const may = useMay('monitors.write')
  const silence = useSilence(monitor.name)
  const [minutes, setMinutes] = useState('60')
  const [reason, setReason] = useState('')
  if (!may) return null
  if (monitor.silenced_until != null)
    return (
      // Keyed, so that the dialog of one does not go on as that of the other.
      <Confirm
        key="end"
        title={t`Tell of ${monitor.name} again?`}
        words={t`It is silent until ${exact(monitor.silenced_until)}. An alert that goes on is told at once.`}
        command={sh`treadle monitor silence ${monitor.name} --end`}
        confirm={t`End the silence`}
        run={() => silence.mutateAsync({ until: null, reason: '' })}
      >
        {(open) => <Button size="xs" variant="default" onClick={open}>{t`End the silence`}</Button>}
      </Confirm>
    )
  const why = reason.trim()
  return (
    <Confirm
      key="begin"
      title={t`Silence ${monitor.name}?`}
      words={t`Nobody is told of its alerts meanwhile; it goes on looking, and an alert that outlasts the silence is told then.`}
      command={sh`treadle monitor silence ${monitor.name} --minutes ${minutes}` + (why === '' ? '' : sh` --reason ${why}`)}
      confirm={t`Silence`}
      fields={
        <>
          <NativeSelect label={t`For`} size="xs" value={minutes} onChange={(event) => setMinutes(event.currentTarget.value)} data={LENGTHS} />
          <TextInput label={t`Why, for the audit log`} size="xs" maxLength={300} value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
        </>
      }
      run={() => silence.mutateAsync({ until: new Date(Date.now() + Number(minutes) * 60_000).toISOString(), reason: why })}
    >
      {(open) => <Button size="xs" variant="default" onClick={open}>{t`Silence`}</Button>}
    </Confirm>
  )
}
