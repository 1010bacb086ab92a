/* Making a rule, or changing one. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, JsonInput, NativeSelect, NumberInput, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { Rule } from '../api/types'
import { scorersQuery } from '../evals/queries'
import { sh } from '../format/shell'
import { Dialog } from '../ui/Dialog'
import { inPercent, ticked } from '../ui/fieldNames'
import { useFormPlace } from '../ui/FormPlace'
import { usePutRule, type NewRule } from './queries'

type Draft = { name: string; scorer: string; parameters: string; score: string; endpoint: string; q: string; percent: number; perDay: number | ''; usd: number | ''; isOn: boolean }

const NAMES = {
  'scorer.name': t`Scorer`, 'scorer.parameters': t`Its parameters, as JSON`, score: t`Name of its scores on traces`, 'filter.endpoint': t`Only of this endpoint`, 'filter.q': t`Only those that match`,
  sample_rate: inPercent(t`Per cent of them`), scores_per_day: t`At most so many a day`, usd_per_day: t`At most US dollars a day`, is_on: ticked(t`It is on`),
}
/** What others changed of these meanwhile stays; all else belongs together. */
const ALONE = ['filter', 'sample_rate', 'scores_per_day', 'usd_per_day', 'is_on'] as const

export function RuleForm({ rule }: { rule?: Rule }) {
  const show = useFormPlace()
  const open = (): void => show((close) => <Form rule={rule} close={close} />)
  return rule ? <Button size="compact-xs" variant="default" onClick={open}><Trans>Change<span className="hidden-visually"> {rule.name}</span></Trans></Button> : <Button size="sm" onClick={open}>{t`Make a rule`}</Button>
}

function Form({ rule, close }: { rule: Rule | undefined; close: () => void }) {
  const scorers = useQuery(scorersQuery)
  const put = usePutRule(rule?.name)
  const [draft, setDraft] = useState<Draft>(draftOf(rule))
  const set = (part: Partial<Draft>): void => setDraft({ ...draft, ...part })
  const chosen = scorers.data?.find((scorer) => scorer.name === draft.scorer)
  const parameters = read(draft.parameters)
  const score = draft.score.trim() || draft.scorer
  const wanted: NewRule = {
    name: draft.name.trim(), score, scorer: { name: draft.scorer, parameters: parameters ?? {} }, sample_rate: draft.percent / 100, is_on: draft.isOn,
    filter: { endpoint: draft.endpoint.trim() || null, release_id: rule?.filter?.release_id ?? null, q: draft.q.trim() || null },
    scores_per_day: draft.perDay === '' ? null : draft.perDay, usd_per_day: draft.usd === '' ? null : draft.usd,
  }
  const command = [
    sh`treadle rule set ${wanted.name || 'NAME'} --scorer ${draft.scorer} --score ${score}`, draft.parameters.trim() && sh`--parameters ${JSON.stringify(parameters)}`, wanted.filter?.endpoint && sh`--endpoint ${wanted.filter.endpoint}`,
    draft.percent < 100 && sh`--rate ${draft.percent / 100}`, wanted.scores_per_day != null && sh`--per-day ${wanted.scores_per_day}`, wanted.usd_per_day != null && sh`--usd-per-day ${wanted.usd_per_day}`, wanted.filter?.q && sh`--where ${wanted.filter.q}`,
  ]
  return (
    <Dialog title={rule ? t`Change ${rule.name}` : t`Make a rule`} opened close={close} confirm={rule ? t`Change it` : t`Make it`} disabled={parameters === null} command={command.filter(Boolean).join(' ')} shown={['name', 'score', 'scorer', 'filter.endpoint', 'filter.q', 'sample_rate', 'scores_per_day', 'usd_per_day']} run={(when, both = wanted) => put.mutateAsync({ wanted: both, when })} edit={rule && { revision: rule.revision, was: rule, mine: wanted, names: NAMES, alone: ALONE, take: (now) => setDraft(draftOf(now)) }}>
      {(faults) => (
        <>
          {!rule && <TextInput label={t`Name`} description={t`Small letters, digits and hyphens`} value={draft.name} onChange={(event) => set({ name: event.currentTarget.value })} error={faults('name')} data-autofocus />}
          <NativeSelect label={t`Scorer`} description={chosen?.summary} value={draft.scorer} onChange={(event) => set({ scorer: event.currentTarget.value })} data={(scorers.data ?? []).map((scorer) => scorer.name)} error={faults('scorer')} />
          {chosen && Object.keys(chosen.parameters).length > 0 && (
            <JsonInput label={t`Its parameters, as JSON`} description={Object.entries(chosen.parameters).map(([name, meaning]) => `${name}${chosen.required.includes(name) ? ` ${t`(needed)`}` : ''}: ${meaning}`).join('; ')} autosize minRows={2} validationError={t`This is no JSON object`} value={draft.parameters} onChange={(text) => set({ parameters: text })} error={parameters === null ? t`This is no JSON object` : undefined} />
          )}
          <TextInput label={t`Name of its scores on traces`} placeholder={draft.scorer} value={draft.score} onChange={(event) => set({ score: event.currentTarget.value })} error={faults('score')} />
          <TextInput label={t`Only of this endpoint`} value={draft.endpoint} onChange={(event) => set({ endpoint: event.currentTarget.value })} error={faults('filter.endpoint')} />
          <TextInput label={t`Only those that match`} placeholder="model:gpt-4o* user:acme-*" description={t`In the language of the list of traces`} value={draft.q} onChange={(event) => set({ q: event.currentTarget.value })} error={faults('filter.q')} />
          <NumberInput label={t`Per cent of them`} min={0.01} max={100} decimalScale={2} value={draft.percent} onChange={(value) => set({ percent: Number(value) })} error={faults('sample_rate')} />
          <div className="row" style={{ alignItems: 'flex-start' }}>
            <NumberInput label={t`At most so many a day`} style={{ flex: 1 }} min={1} value={draft.perDay} onChange={(value) => set({ perDay: value === '' ? '' : Number(value) })} error={faults('scores_per_day')} />
            <NumberInput label={t`At most US dollars a day`} description={t`Needed where judging costs`} style={{ flex: 1 }} min={0} decimalScale={4} value={draft.usd} onChange={(value) => set({ usd: value === '' ? '' : Number(value) })} error={faults('usd_per_day')} />
          </div>
        </>
      )}
    </Dialog>
  )
}

function draftOf(rule: Rule | undefined): Draft {
  return {
    name: rule?.name ?? '', scorer: rule?.scorer.name ?? 'json_valid', parameters: rule && Object.keys(rule.scorer.parameters ?? {}).length > 0 ? JSON.stringify(rule.scorer.parameters, null, 2) : '', score: rule?.score ?? '',
    endpoint: rule?.filter?.endpoint ?? '', q: rule?.filter?.q ?? '', percent: 100 * (rule?.sample_rate ?? 1), perDay: rule?.scores_per_day ?? '', usd: rule?.usd_per_day == null ? '' : Number(rule.usd_per_day), isOn: rule?.is_on ?? true,
  }
}

/** The object that a text is; null where it is none. Nothing is no parameters. */
function read(text: string): Record<string, unknown> | null {
  if (text.trim() === '') return {}
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}
