/* Keeping a chart for everybody in the project, or changing one that is kept. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, NativeSelect, TextInput } from '@mantine/core'
import { useState } from 'react'
import { sh } from '../format/shell'
import { SIGNAL_NAMES, SIGNAL_SHOWN, SignalEdit } from '../monitoring/SignalEdit'
import { METRICS } from '../monitoring/words'
import { Confirm } from '../ui/Confirm'
import { Dialog } from '../ui/Dialog'
import { oneOf } from '../ui/fieldNames'
import { useFormPlace } from '../ui/FormPlace'
import { Snippet } from '../ui/Snippet'
import { namesOf } from './names'
import { useRemoveChart, useSaveChart, type Chart, type KeptChart } from './queries'
import { BY, chartInWords } from './words'

const SHOWN_BY = [{ value: '', label: t`One line` }, ...Object.entries(BY).map(([value, label]) => ({ value, label }))]
const NAMES = { title: t`Title`, ...SIGNAL_NAMES, by: oneOf(t`Shows`, SHOWN_BY) }
/** What others changed of these meanwhile stays; all else belongs together. */
const ALONE = ['title'] as const
const NEW: Chart = { name: '', title: '', by: null, signal: { metric: 'requests' } }

export function ChartForm({ chart, saved }: { chart?: KeptChart; saved?: () => void }) {
  const show = useFormPlace()
  return <Button size="xs" variant="default" onClick={() => show((close) => <Form chart={chart} saved={saved} close={close} />)}>{chart ? t`Change` : t`Keep a chart`}<span className="hidden-visually">{chart && `: ${chart.title}, ${chartInWords(chart)}`}</span></Button>
}

function Form({ chart, saved, close }: { chart: KeptChart | undefined; saved: (() => void) | undefined; close: () => void }) {
  const [draft, setDraft] = useState(chart ? draftOf(chart) : NEW)
  const save = useSaveChart()
  const set = (part: Partial<Chart>): void => setDraft((before) => ({ ...before, ...part }))
  const wanted = { ...draft, title: draft.title.trim() || METRICS[draft.signal.metric] }
  return (
    <Dialog
      title={chart ? t`Change ${chart.title}` : t`Keep a chart`}
      opened
      close={close}
      confirm={chart ? t`Change it` : t`Keep it`}
      shown={['name', 'title', 'by', ...SIGNAL_SHOWN]}
      edit={chart && { revision: chart.revision, was: chart, mine: wanted, names: NAMES, alone: ALONE, take: (now) => setDraft(draftOf(now)) }}
      run={async (when, both = wanted) => {
        await save.mutateAsync({ wanted: both, when })
        saved?.()
      }}
    >
      {(faults) => (
        <>
          <TextInput label={t`Title`} placeholder={METRICS[draft.signal.metric]} maxLength={100} value={draft.title} onChange={(event) => set({ title: event.currentTarget.value })} error={faults('title') ?? (draft.name === '' ? faults('name') : undefined)} data-autofocus />
          <SignalEdit signal={draft.signal} set={(part) => set({ signal: { ...draft.signal, ...part } })} faults={faults} />
          <NativeSelect label={t`Shows`} value={draft.by ?? ''} onChange={(event) => set({ by: (event.currentTarget.value || null) as Chart['by'] })} data={SHOWN_BY} error={faults('by')} />
          <Snippet body={pythonOf({ ...wanted, name: draft.name || namesOf(draft)[0] || '' })} />
        </>
      )}
    </Dialog>
  )
}

export function RemoveChart({ chart }: { chart: Chart }) {
  const remove = useRemoveChart(chart.name)
  return (
    <Confirm title={t`Remove ${chart.title}?`} words={t`It goes from everybody’s dashboards; the figures stay.`} command={sh`treadle dashboard remove ${chart.name}`} confirm={t`Remove it`} danger run={() => remove.mutateAsync()}>
      {(open) => <Button size="xs" variant="subtle" onClick={open}><Trans>Remove<span className="hidden-visually">: {chart.title}, {chartInWords(chart)}</span></Trans></Button>}
    </Confirm>
  )
}

function draftOf({ name, title, signal, by }: KeptChart): Chart {
  return { name, title, signal, by: by ?? null }
}

function pythonOf(chart: Chart): string {
  const said = Object.entries(chart.signal).filter(([, value]) => value != null && value !== '').map(([field, value]) => `${field}=${JSON.stringify(value)}`)
  return [
    'from treadle.monitoring.dashboards.types import Chart',
    'from treadle.monitoring.types import Watched',
    '',
    `client.dashboards.save(Chart(name=${JSON.stringify(chart.name)}, title=${JSON.stringify(chart.title || METRICS[chart.signal.metric])}, signal=Watched(${said.join(', ')})${chart.by ? `, by=${JSON.stringify(chart.by)}` : ''}))`,
  ].join('\n')
}
