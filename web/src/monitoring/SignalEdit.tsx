/* Which figure of which traffic: for a monitor and for a chart. */
import { t } from '@lingui/core/macro'
import { NativeSelect, TextInput } from '@mantine/core'
import type { Watched } from '../api/types'
import { endpointsFound } from '../releases/queries'
import { KINDS } from '../traces/queries'
import type { Faults } from '../ui/Dialog'
import { oneOf } from '../ui/fieldNames'
import { byName, NamePick } from '../ui/NamePick'
import { METRICS } from './words'

export const SIGNAL_SHOWN = ['signal.metric', 'signal.score', 'signal.endpoint', 'signal.model', 'signal.user_id', 'signal.kind', 'signal.error_code']

export const SIGNAL_NAMES = {
  'signal.metric': oneOf(t`Figure`, METRICS), 'signal.score': t`Name of the score`, 'signal.error_code': t`Kind of error`, 'signal.endpoint': t`Endpoint`,
  'signal.model': t`Model`, 'signal.user_id': t`User`, 'signal.kind': t`Of`,
}

/** Figures that can be of one kind of error alone. */
const isOfErrors = (metric: Watched['metric']): boolean => metric === 'errors' || metric === 'error_rate'

/** Figures that are read from what was said, and need its name. */
const isSaid = (metric: Watched['metric']): boolean => metric === 'score' || metric === 'feedback_rate'

type SignalEditProps = { signal: Watched; set: (part: Partial<Watched>) => void; faults: Faults; noMetric?: boolean }

export function SignalEdit({ signal, set, faults, noMetric = false }: SignalEditProps) {
  return (
    <>
      {!noMetric && (
        <div className="row" style={{ alignItems: 'flex-start' }}>
          <NativeSelect
            label={t`Figure`}
            style={{ flex: '1 1 12rem' }}
            value={signal.metric}
            onChange={(event) => {
              const metric = event.currentTarget.value as Watched['metric']
              set({ metric, score: isSaid(metric) ? (signal.score ?? '') : null, ...(!isOfErrors(metric) && { error_code: null }) })
            }}
            data={Object.entries(METRICS).map(([value, label]) => ({ value, label }))}
            error={faults('signal.metric')}
          />
          {isSaid(signal.metric) && <TextInput label={t`Name of the score`} style={{ flex: '1 1 8rem' }} placeholder="correct" value={signal.score ?? ''} onChange={(event) => set({ score: event.currentTarget.value })} error={faults('signal.score')} />}
          {isOfErrors(signal.metric) && <TextInput label={t`Kind of error`} placeholder={t`All`} style={{ flex: '1 1 8rem' }} value={signal.error_code ?? ''} onChange={(event) => set({ error_code: event.currentTarget.value || null })} error={faults('signal.error_code')} />}
        </div>
      )}
      <div className="row" style={{ alignItems: 'flex-start' }}>
        <NamePick label={t`Endpoint`} style={{ flex: '1 1 9rem' }} none={t`All`} found={endpointsFound} choiceOf={byName} value={signal.endpoint ?? ''} onChange={(endpoint) => set({ endpoint: endpoint || null })} error={faults('signal.endpoint')} />
        <TextInput label={t`Model`} placeholder={t`All`} style={{ flex: '1 1 9rem' }} value={signal.model ?? ''} onChange={(event) => set({ model: event.currentTarget.value || null })} error={faults('signal.model')} />
      </div>
      <div className="row" style={{ alignItems: 'flex-start' }}>
        <TextInput label={t`User`} placeholder={t`All`} style={{ flex: '1 1 9rem' }} value={signal.user_id ?? ''} onChange={(event) => set({ user_id: event.currentTarget.value || null })} error={faults('signal.user_id')} />
        <NativeSelect label={t`Of`} style={{ flex: '1 1 9rem' }} value={signal.kind ?? ''} onChange={(event) => set({ kind: KINDS.find((kind) => kind === event.currentTarget.value) ?? null })} data={[{ value: '', label: t`Whole requests` }, ...KINDS.map((kind) => ({ value: kind, label: t`${kind} spans` }))]} error={faults('signal.kind')} />
      </div>
    </>
  )
}
