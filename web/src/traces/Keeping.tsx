/* What the project keeps of its traces, and for how long. */
import { t } from '@lingui/core/macro'
import { Button, Checkbox, NativeSelect, NumberInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState, type FormEvent } from 'react'
import { api, body } from '../api/client'
import { problemOf } from '../api/problem'
import { count } from '../format/numbers'
import { sh } from '../format/shell'
import { useMay } from '../governance/queries'
import { SETTINGS_TABS } from '../governance/tabs'
import { CommandLine } from '../ui/CommandLine'
import type { When } from '../ui/editing'
import { Facts } from '../ui/Facts'
import { oneOf, ticked } from '../ui/fieldNames'
import { Page, Panel, Section } from '../ui/Page'
import { Answer, ProblemState } from '../ui/states'
import { Status } from '../ui/Status'
import { useHeld } from '../ui/useHeld'
import { captureQuery, lagQuery, retentionQuery, type Capture, type KeptCapture, type KeptRetention, type Retention } from './kept'

const LEVELS: { value: NonNullable<Capture['capture']>; label: string }[] = [
  { value: 'on', label: t`All of it` }, { value: 'masked', label: t`Masked: personal data and secrets as tokens such as [EMAIL]` }, { value: 'off', label: t`None: only times, counts and names` },
]

const KEPT_NAMES = { days: t`Days`, archive: ticked(t`Write each day to the archive before it is forgotten: it can be asked as before, only slower`), archive_days: t`Until which day the archive keeps it` }
const CAPTURE_NAMES = { capture: oneOf(t`Of what is asked and answered`, LEVELS) }

export function Keeping() {
  const retention = useQuery(retentionQuery)
  const capture = useQuery(captureQuery)
  const lag = useQuery(lagQuery)
  const may = useMay('traces.govern')
  return (
    <Page title={t`What is kept`} lead={t`How much of what is asked and answered this project keeps, and for how long. Hourly figures and scores stay.`} command="treadle trace keep" python="client.traces.retention()" tabs={SETTINGS_TABS}>
      <Section title={t`For how long`}><Answer query={retention} what={t`how long traces are kept`}>{(data) => <HowLong now={data} may={may} />}</Answer></Section>
      <Section title={t`How much content`}><Answer query={capture} what={t`how much is kept`}>{(data) => <HowMuch now={data} may={may} />}</Answer></Section>
      <Section title={t`How far behind`}>
        <Answer query={lag} what={t`how far behind`}>
          {(data) => (
            <Facts
              facts={[
                [t`Charts, sessions and users`, behind(data.signals_blocks, data.signals_seconds)],
                [t`The search for words`, behind(data.search_blocks, data.search_seconds)],
                [t`Lists and single traces`, <Status key="never" state="ok" word={t`Never behind`} />],
              ]}
            />
          )}
        </Answer>
      </Section>
    </Page>
  )
}

function behind(blocks: number, seconds: number) {
  return blocks === 0 ? <Status state="ok" word={t`Up to date`} /> : t`${count(Math.ceil(seconds))} s, ${count(blocks)} blocks wait`
}

function HowLong({ now: { revision, ...now }, may }: { now: KeptRetention; may: boolean }) {
  // What was changed here and not saved; all else is as the server has it.
  const [changed, setChanged] = useState<Partial<Retention>>({})
  const change = (part: Partial<Retention>): void => setChanged({ ...changed, ...part })
  const { days = null, archive = false, archive_days: archiveDays = null } = { ...now, ...changed }
  const requests = useQueryClient()
  const wanted: Retention = { days, archive: days !== null && archive, archive_days: days !== null && archive ? archiveDays : null }
  const held = useHeld({ revision, was: now, mine: wanted, names: KEPT_NAMES, take: setChanged }, Object.keys(changed).length > 0)
  const send = (when: When) => body(api.PUT('/api/v1/traces/retention', { params: { header: when }, body: wanted }))
  const save = useMutation({
    mutationFn: () => held.save(send),
    onSuccess: async (went) => {
      if (went) await saved()
    },
  })
  const saved = async (): Promise<void> => {
    await requests.invalidateQueries({ queryKey: ['retention'] })
    setChanged({})
  }
  const said = keptInWords(now)
  const fault = save.error ? problemOf(save.error) : null
  const command = days === null ? 'treadle trace keep --forever' : [sh`treadle trace keep --days ${days}`, archive ? '--archive' : '--no-archive', archive && archiveDays !== null && sh`--archive-days ${archiveDays}`].filter(Boolean).join(' ')
  return (
    <Panel>
      <form className="stack-tight" onSubmit={(event: FormEvent) => (event.preventDefault(), save.mutate())}>
        <p>{said}</p>
        {may && (
          <>
            <NumberInput label={t`Days`} description={t`Left empty, for good`} w={220} min={1} allowDecimal={false} value={days ?? ''} onChange={(value) => change({ days: numberOf(value) })} error={fault?.faultOf('days')} />
            {days !== null && <Checkbox label={t`Write each day to the archive before it is forgotten: it can be asked as before, only slower`} checked={archive} onChange={(event) => change({ archive: event.currentTarget.checked })} />}
            {days !== null && archive && <NumberInput label={t`Until which day the archive keeps it`} description={t`Left empty, for good`} w={220} min={1} allowDecimal={false} value={archiveDays ?? ''} onChange={(value) => change({ archive_days: numberOf(value) })} error={fault?.faultOf('archive_days')} />}
            {days !== null && (now.days == null || days < now.days) && <p><Status state="held" word={t`Older traces go`} /> {archive ? t`What is older than ${count(days)} days is moved to the archive soon after.` : t`What is older than ${count(days)} days is forgotten soon after.`}</p>}
            {fault && <ProblemState problem={fault} />}
            {held.box(send, () => void saved())}
            <div className="row"><Button type="submit" size="xs" loading={save.isPending}>{t`Keep so`}</Button><span role="status">{save.isSuccess && Object.keys(changed).length === 0 && t`Saved.`}</span></div>
            <CommandLine command={command} />
          </>
        )}
      </form>
    </Panel>
  )
}

/** What stands in a field for a number; null for one that is empty. */
function numberOf(value: number | string): number | null {
  return value === '' ? null : Number(value)
}

function HowMuch({ now: { revision, ...now }, may }: { now: KeptCapture; may: boolean }) {
  const [chosen, setChosen] = useState<Capture['capture'] | null>(null)
  const level = chosen ?? now.capture ?? 'on'
  const requests = useQueryClient()
  const wanted = { capture: level }
  const held = useHeld({ revision, was: now, mine: wanted, names: CAPTURE_NAMES, take: (theirs) => setChosen(theirs.capture ?? null) }, chosen !== null)
  const send = (when: When) => body(api.PUT('/api/v1/traces/capture', { params: { header: when }, body: wanted }))
  const saved = async (): Promise<void> => {
    await requests.invalidateQueries({ queryKey: ['capture'] })
    setChosen(null)
  }
  const save = useMutation({
    mutationFn: () => held.save(send),
    onSuccess: async (went) => {
      if (went) await saved()
    },
  })
  return (
    <Panel>
      <form className="stack-tight" onSubmit={(event: FormEvent) => (event.preventDefault(), save.mutate())}>
        {may ? (
          <>
            <NativeSelect label={t`Of what is asked and answered`} description={t`Applications with our SDK send no more; what others send is reduced at the door. What is kept already stays as it is.`} value={level} onChange={(event) => setChosen(event.currentTarget.value as typeof level)} data={LEVELS} maw="32rem" />
            {save.error && <ProblemState problem={problemOf(save.error)} />}
            {held.box(send, () => void saved())}
            <div className="row"><Button type="submit" size="xs" loading={save.isPending}>{t`Keep so much`}</Button><span role="status">{save.isSuccess && chosen === null && t`Saved.`}</span></div>
            <CommandLine command={sh`treadle trace capture --level ${level}`} />
          </>
        ) : (
          <p>{LEVELS.find((one) => one.value === now.capture)?.label}</p>
        )}
      </form>
    </Panel>
  )
}

function keptInWords({ days, archive, archive_days: archived }: Retention): string {
  if (days == null) return t`Traces are kept for good.`
  if (!archive) return t`Traces are kept for ${count(days)} days, then forgotten.`
  return archived == null ? t`Traces are kept for ${count(days)} days, then archived for good.` : t`Traces are kept for ${count(days)} days, then archived until day ${count(archived)}.`
}
