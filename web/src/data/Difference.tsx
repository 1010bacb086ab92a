/* How a version differs from another: counts in words, then the rows, narrowed by kind. What is held against it stands in the address. */
import { plural, t } from '@lingui/core/macro'
import { NativeSelect } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import type { DatasetVersion, RowDifference } from '../api/types'
import { count } from '../format/numbers'
import { sh } from '../format/shell'
import { CommandLine } from '../ui/CommandLine'
import { DataTable } from '../ui/DataTable'
import { Facts } from '../ui/Facts'
import { More } from '../ui/More'
import { Empty } from '../ui/states'
import { Tag, type Tone } from '../ui/Status'
import { valuesOf } from './edits'
import { Held } from './PendingEdits'
import { differenceQuery, KINDS, versionsQuery } from './queries'

const TONES: Record<RowDifference['kind'], Tone> = { added: 'good', removed: 'bad', changed: 'warn', moved: 'live' }
export const KIND_WORDS: Record<RowDifference['kind'], string> = { added: t`added`, removed: t`gone`, changed: t`changed`, moved: t`in another part` }
const HERE = '/datasets/$name/versions/$version'

export function Difference({ of }: { of: DatasetVersion }) {
  const { dataset: name, version } = of
  const { against, kind: said } = useSearch({ from: `/frame${HERE}` })
  const navigate = useNavigate()
  const versions = useInfiniteQuery(versionsQuery(name))
  const others = (versions.data?.pages.flatMap((page) => page.items) ?? []).filter((one) => one.version !== version)
  const parent = others.find((one) => of.parents.includes(one.version_id))?.version
  const chosen = against ?? String(parent ?? (version > 1 ? version - 1 : ''))
  const kind = KINDS.find((known) => known === said)
  const search = (change: { against?: string | undefined; kind?: string | undefined }): void => void navigate({ to: HERE, params: { name, version: String(version) }, search: { tab: 'difference', against, kind: said, ...change }, resetScroll: false })
  if (others.length === 0 && versions.isSuccess) return <Empty title={t`There is nothing to hold it against`}>{t`This is the only version.`}</Empty>
  return (
    <div className="stack-tight">
      <div className="row" style={{ alignItems: 'flex-end' }}>
        <NativeSelect label={t`Against`} size="xs" value={chosen} onChange={(event) => search({ against: event.currentTarget.value || undefined })} data={[{ value: '', label: t`Choose one` }, ...others.map((one) => ({ value: String(one.version), label: one.version === parent ? t`v${one.version} (made from it)` : `v${one.version}` }))]} />
        <NativeSelect label={t`Rows`} size="xs" value={kind ?? ''} onChange={(event) => search({ kind: event.currentTarget.value || undefined })} data={[{ value: '', label: t`All that differ` }, ...KINDS.map((value) => ({ value, label: KIND_WORDS[value] }))]} />
      </div>
      {chosen !== '' && <Shown of={of} against={chosen} kind={kind} />}
    </div>
  )
}

function Shown({ of, against, kind }: { of: DatasetVersion; against: string; kind: RowDifference['kind'] | undefined }) {
  const { dataset: name, version } = of
  const difference = useInfiniteQuery(differenceQuery(name, String(version), { against, kind }))
  const first = difference.data?.pages[0]
  return (
    <>
      {first && (
        <Facts
          facts={[
            [t`Changed`, count(first.num_changed)], [t`Added`, count(first.num_added)], [t`Gone`, count(first.num_removed)],
            [t`In another part`, count(first.num_moved)], [t`The same`, count(first.num_same)],
          ]}
        />
      )}
      <More query={difference} counted={(num) => plural(num, { one: '# row that differs', other: '# rows that differ' })} empty={<Empty title={kind ? t`No row is ${KIND_WORDS[kind]}` : t`v${version} and v${against} hold the same rows`} />}>
        {(rows) => (
          <DataTable
            caption={t`What differs between v${against} and v${version}`}
            rows={rows}
            rowKey={(row) => `${row.kind} ${row.before?.row ?? ''} ${row.after?.row ?? ''}`}
            columns={[
              { head: t`What`, cell: (row) => <><Tag tone={TONES[row.kind]}>{KIND_WORDS[row.kind]}</Tag>{row.kind === 'changed' && <div className="dim">{row.fields.map((field) => field.replaceAll('_', ' ')).join(', ')}</div>}</> },
              { head: t`Row`, cell: (row) => row.after ? <Link to={HERE} params={{ name, version: String(version) }} search={{ row: String(row.after.row) }}>{row.after.row}</Link> : '', numeric: true },
              { head: t`In v${against}`, cell: (row) => row.before && <Held values={valuesOf(row.before)} against={row.after && valuesOf(row.after)} side="before" />, wide: true },
              { head: t`In v${version}`, cell: (row) => row.after && <Held values={valuesOf(row.after)} against={row.before && valuesOf(row.before)} /> },
            ]}
          />
        )}
      </More>
      <div><CommandLine command={sh`treadle data diff ${name} --version ${String(version)} --against ${against}` + (kind ? ` --kind ${kind}` : '')} /></div>
    </>
  )
}
