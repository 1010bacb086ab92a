/* The examples of a version: searched and filtered by what stands in the address, and edited into the next version. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, NativeSelect } from '@mantine/core'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { problemOf } from '../api/problem'
import type { DatasetVersion, Example } from '../api/types'
import { count } from '../format/numbers'
import { useMay } from '../governance/queries'
import { FilterText } from '../ui/Filter'
import { Empty, Loading, ProblemState } from '../ui/states'
import { Tag } from '../ui/Status'
import { Untrusted, Value } from '../ui/text'
import { add, change, shownAs, sizeOf, toggleDeleted, type Draft } from './edits'
import { Grid, type GridColumn } from './Grid'
import { PendingEdits } from './PendingEdits'
import { datasetQuery, examplesQuery, PARTS, type ExampleFilter } from './queries'
import { RowForm } from './RowForm'
import { useDraft } from './useDraft'

const USUAL = ['input', 'expected', 'part', 'from']
const HERE = '/datasets/$name/versions/$version'

export function Examples({ of }: { of: DatasetVersion }) {
  const dataset = useQuery(datasetQuery(of.dataset))
  const newest = dataset.data?.latest_version
  if (newest == null) return dataset.error ? <ProblemState problem={problemOf(dataset.error)} /> : <Loading what={t`examples`} />
  return <Rows key={of.version_id} of={of} newest={newest} />
}

function Rows({ of, newest }: { of: DatasetVersion; newest: number }) {
  const { dataset: name } = of
  const version = String(of.version)
  const { text, part, label, row, columns: named } = useSearch({ from: `/frame${HERE}` })
  const filter: ExampleFilter = { text, label, part: PARTS.find((known) => known === part), row: Number(row) > 0 ? Number(row) : undefined }
  const isFiltered = Object.values(filter).some((value) => value !== undefined)
  const navigate = useNavigate()
  const examples = useInfiniteQuery(examplesQuery(name, version, filter))
  const may = useMay('data.write')
  const drafting = useDraft(name, of.version, newest)
  const { draft, set, isSaving } = drafting
  const [isEditing, setEditing] = useState(false)
  const editing = may && (isEditing || sizeOf(draft) > 0)
  const parts = Object.keys(of.parts)
  const search = (change: Partial<Record<'text' | 'part' | 'label' | 'row' | 'columns', string>>): void =>
    void navigate({ to: HERE, params: { name, version }, search: { text, part, label, row, columns: named, ...change }, resetScroll: false })
  const begin = (next: Draft): void => set(sizeOf(draft) === 0 ? { ...next, newest } : next)

  const rows = examples.data?.pages.flatMap((page) => page.items) ?? []
  const known = columnsOf({ draft, begin, editing, isSaving, parts, name, version })
  const chosen = named?.split(',') ?? USUAL
  const columns = known.filter(({ name: column }) => column === 'row' || column === 'edit' || chosen.includes(column))
  const more = examples.hasNextPage && !examples.isFetchingNextPage ? () => void examples.fetchNextPage() : undefined
  return (
    <div className="stack-tight">
      <div className="spread" style={{ alignItems: 'flex-end' }}>
        <div className="row" style={{ alignItems: 'flex-end' }} role="search" aria-label={t`Filter examples`}>
          <FilterText label={t`Words in the input or output`} value={text ?? ''} wide onApply={(said) => search({ text: said || undefined })} />
          <FilterText label={t`Expected output`} value={label ?? ''} onApply={(said) => search({ label: said || undefined })} />
          {parts.length > 0 && (
            <NativeSelect label={t`Part`} size="xs" value={filter.part ?? ''} onChange={(event) => search({ part: event.currentTarget.value || undefined })} data={[{ value: '', label: t`Any` }, ...parts]} />
          )}
          {filter.row !== undefined && <p><Trans>Only row {filter.row}. <Link to={HERE} params={{ name, version }} search={{}}>Show all examples</Link></Trans></p>}
        </div>
        <div className="row">
          <Columns known={known.filter(({ name: column }) => column !== 'row' && column !== 'edit')} chosen={chosen} choose={(next) => search({ columns: next })} />
          {may && <Button size="xs" variant="default" aria-pressed={editing} onClick={() => setEditing(!isEditing)} disabled={sizeOf(draft) > 0}>{editing ? t`Stop editing` : t`Edit`}</Button>}
          {editing && <RowForm title={t`Add a row`} confirm={t`Add it`} button={(open) => <Button size="xs" variant="default" disabled={isSaving} onClick={open}>{t`Add a row`}</Button>} values={{ input: '', expected_output: null, messages: null, part: parts[0] === undefined ? null : 'train', metadata: {} }} parts={parts} apply={(values) => begin(add(draft, values))} />}
        </div>
      </div>
      {examples.data === undefined ? (
        examples.error ? <ProblemState problem={problemOf(examples.error)} retry={() => void examples.refetch()} /> : <Loading what={t`examples`} />
      ) : rows.length === 0 ? (
        <Empty title={isFiltered ? t`No example matches` : t`No example in this version`}>{isFiltered && <Link to={HERE} params={{ name, version }} search={{}}>{t`Show all examples`}</Link>}</Empty>
      ) : (
        <>
          <Grid caption={t`Examples of ${name} v${version}`} columns={columns} rows={rows} rowKey={(example) => String(example.row)} total={isFiltered ? undefined : of.num_rows} more={more} stateOf={(example) => stateOf(draft, example)} />
          <p className="dim" role="status">
            {examples.hasNextPage ? isFiltered ? t`The first ${plural(rows.length, { one: '# example', other: '# examples' })}; more come as you scroll.` : t`The first ${plural(rows.length, { one: '# example', other: '# examples' })} of ${count(of.num_rows)}; more come as you scroll.` : plural(rows.length, { one: '# example', other: '# examples' })}
          </p>
          {examples.isFetchNextPageError && <ProblemState problem={problemOf(examples.error)} retry={() => void examples.fetchNextPage()} />}
        </>
      )}
      {editing && <PendingEdits of={of} {...drafting} newest={newest} />}
    </div>
  )
}

function stateOf(draft: Draft, example: Example): string | undefined {
  if (draft.deleted[example.row] !== undefined) return 'gone'
  return draft.changed[example.row] === undefined ? undefined : 'changed'
}

type Editing = { draft: Draft; begin: (draft: Draft) => void; editing: boolean; isSaving: boolean; parts: string[]; name: string; version: string }

function columnsOf({ draft, begin, editing, isSaving, parts, name, version }: Editing): GridColumn<Example>[] {
  const none = <span className="dim">{t`none`}</span>
  const states = { gone: <Tag tone="bad">{t`taken away`}</Tag>, changed: <Tag tone="warn">{t`changed`}</Tag> } as Record<string, React.ReactNode>
  return [
    { name: 'row', head: t`Row`, width: '7rem', cell: (example) => <><Link to={HERE} params={{ name, version }} search={{ row: String(example.row) }} aria-label={t`Only row ${example.row}`}>{example.row}</Link> {states[stateOf(draft, example) ?? '']}</> },
    { name: 'input', head: t`Input`, width: '46%', cell: (example) => <Untrusted text={shownAs(draft, example).input ?? ''} fold={400} /> },
    { name: 'expected', head: t`Expected output`, width: '27%', cell: (example) => { const expected = shownAs(draft, example).expected_output; return expected == null ? none : <Untrusted text={expected} fold={240} /> } },
    ...(parts.length > 0 ? [{ name: 'part', head: t`Part`, width: '6.5rem', cell: (example: Example) => shownAs(draft, example).part ?? none }] : []),
    { name: 'from', head: t`From`, width: '20%', cell: (example) => <From metadata={shownAs(draft, example).metadata ?? {}} /> },
    { name: 'id', head: t`Content`, width: '10rem', cell: (example) => <code title={example.example_id}>{example.example_id.slice(3, 15)}…</code> },
    ...(editing
      ? [{
          name: 'edit', head: t`Edit`, width: '11rem',
          cell: (example: Example) => {
            const isGone = draft.deleted[example.row] !== undefined
            return (
              <span className="row" style={{ gap: '0.3rem' }}>
                {!isGone && (
                  <RowForm title={t`Row ${example.row}`} confirm={t`Keep the change`} values={shownAs(draft, example)} parts={parts} apply={(to) => begin(change(draft, example, to))} button={(open) => <Button size="compact-xs" variant="default" disabled={isSaving} onClick={open} aria-label={t`Change row ${example.row}`}>{t`Change`}</Button>} />
                )}
                <Button size="compact-xs" variant="default" disabled={isSaving} onClick={() => begin(toggleDeleted(draft, example))} aria-label={isGone ? t`Put back row ${example.row}` : t`Take away row ${example.row}`}>{isGone ? t`Put back` : t`Take away`}</Button>
              </span>
            )
          },
        }]
      : []),
  ]
}

function Columns({ known, chosen, choose }: { known: GridColumn<Example>[]; chosen: readonly string[]; choose: (names: string | undefined) => void }) {
  const [isOpen, setOpen] = useState(false)
  const toggle = (name: string): void => {
    const next = known.map((column) => column.name).filter((one) => (one === name ? !chosen.includes(one) : chosen.includes(one)))
    choose(next.join(',') || 'input')
  }
  return (
    <div className="row">
      <Button size="xs" variant="default" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>{t`Columns`}</Button>
      {isOpen && known.map(({ name, head }) => <label key={name} className="row" style={{ gap: '0.3rem' }}><input type="checkbox" checked={chosen.includes(name)} onChange={() => toggle(name)} /> {head}</label>)}
    </div>
  )
}

/** A row that came from traffic leads back to its trace; other rows show what else the file said. */
function From({ metadata }: { metadata: Record<string, unknown> }) {
  const traceId = metadata['trace_id']
  if (typeof traceId === 'string') return <Link to="/traces/$traceId" params={{ traceId }}>{t`a trace`}</Link>
  if (Object.keys(metadata).length === 0) return <span className="dim">{t`the file`}</span>
  return <Value value={metadata} />
}
