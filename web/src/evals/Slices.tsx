/* Parts of the rows in which an experiment is better or worse than the baseline, regressions first; a part can be shown alone. */
import { plural, t } from '@lingui/core/macro'
import { Button, NativeSelect } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import type { Experiment, SliceReport } from '../api/types'
import { count } from '../format/numbers'
import { sh } from '../format/shell'
import { CommandLine } from '../ui/CommandLine'
import { DataTable } from '../ui/DataTable'
import { Section } from '../ui/Page'
import { Answer } from '../ui/states'
import { Status } from '../ui/Status'
import { partText } from './gridaddress'
import { slicesQuery } from './queries'

const HERE = '/experiments/grid'

/** `scorer`: by which the rows stand, once that is known. Parts are compared when somebody asks: it reads all results of both. */
export function Slices({ experiments, scorer }: { experiments: Experiment[]; scorer: { name: string | null } | undefined }) {
  const search = useSearch({ from: `/frame${HERE}` })
  const navigate = useNavigate()
  const [baseline, ...others] = experiments
  const candidate = others.find((one) => one.experiment_id === search.against) ?? others[0]
  const isDone = baseline?.status === 'succeeded' && candidate?.status === 'succeeded'
  const [isOpen, setOpen] = useState(search.against !== undefined)
  const slices = useQuery({ ...slicesQuery(baseline?.experiment_id ?? '', candidate?.experiment_id ?? '', scorer?.name ?? undefined), enabled: isOpen && isDone && scorer !== undefined })
  if (!isDone || candidate === undefined) return null
  return (
    <Section title={t`Where it is better or worse`} beside={<Button size="xs" variant="default" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>{t`Compare parts of the rows`}</Button>}>
      {isOpen && others.length > 1 && (
        <NativeSelect
          label={t`Experiment`}
          size="xs"
          maw={280}
          value={candidate.experiment_id}
          data={others.map((one) => ({ value: one.experiment_id, label: one.name }))}
          onChange={(event) => void navigate({ to: HERE, search: { ...search, against: event.currentTarget.value }, replace: true, resetScroll: false })}
        />
      )}
      {isOpen && <Answer query={slices} what={t`parts of the rows`}>{(report) => <Found report={report} />}</Answer>}
      <div><CommandLine command={sh`treadle eval slices ${baseline.experiment_id} ${candidate.experiment_id}`} /></div>
    </Section>
  )
}

function Found({ report }: { report: SliceReport }) {
  const search = useSearch({ from: `/frame${HERE}` })
  if (report.slices.length === 0) return <p className="dim">{t`No part of the rows is large enough to be compared: it takes ten rows that both have scored.`}</p>
  return (
    <>
      <DataTable
        caption={t`Parts of the rows, regressions first`}
        rows={report.slices}
        rowKey={(one) => `${one.kind} ${one.name} ${one.value}`}
        maxHeight="15rem"
        columns={[
          { head: t`Part`, cell: (one) => <PartLink slice={one} /> },
          { head: t`Rows`, cell: (one) => count(one.rows), numeric: true },
          { head: t`Verdict`, cell: (one) => <Status state={one.verdict} /> },
          { head: t`In words`, cell: (one) => one.words, wide: true },
        ]}
      />
      <p className="dim">
        {plural(report.looked_at, { one: '# part was looked at, and p-values are corrected for that.', other: '# parts were looked at, and p-values are corrected for that.' })}
        {search.part && <> <Link to={HERE} search={{ ...search, part: undefined }} resetScroll={false}>{t`Show all rows again`}</Link></>}
      </p>
    </>
  )
}

function PartLink({ slice }: { slice: SliceReport['slices'][number] }) {
  const search = useSearch({ from: `/frame${HERE}` })
  const words = `${slice.kind === 'metadata' ? slice.name : slice.kind}: ${slice.value}`
  if (slice.kind === 'topic') return <span className="untrusted">{words}</span>
  const part = partText({ kind: slice.kind, name: slice.name, value: slice.value })
  return <Link to={HERE} search={{ ...search, part, cell: undefined }} resetScroll={false} aria-current={part === search.part || undefined}>{words}</Link>
}
