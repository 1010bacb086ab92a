/* Why rows were dropped, changed or flagged on the way to this version. */
import { plural, t } from '@lingui/core/macro'
import { NativeSelect } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import type { RowChange } from '../api/types'
import { percent } from '../format/numbers'
import { DataTable } from '../ui/DataTable'
import { More } from '../ui/More'
import { Empty } from '../ui/states'
import { Tag, type Tone } from '../ui/Status'
import { Untrusted } from '../ui/text'
import { changesQuery } from './queries'
import { REASON_NAMES, reasonInWords } from './words'

const TONES: Record<RowChange['action'], Tone> = { dropped: 'bad', changed: 'live', flagged: 'warn' }
const HERE = '/datasets/$name/versions/$version'

export function Changes({ name, version }: { name: string; version: string }) {
  const { reason } = useSearch({ from: `/frame${HERE}` })
  const navigate = useNavigate()
  const changes = useInfiniteQuery(changesQuery(name, version, { reason }))
  return (
    <div className="stack-tight">
      <div className="row">
        <NativeSelect
          label={t`Reason`}
          size="xs"
          value={reason ?? ''}
          onChange={(event) => void navigate({ to: HERE, params: { name, version }, search: { tab: 'changes', reason: event.currentTarget.value || undefined } })}
          data={[{ value: '', label: t`Any` }, ...REASON_NAMES.map((value) => ({ value, label: reasonInWords(value) }))]}
        />
      </div>
      <More query={changes} counted={(num) => plural(num, { one: '# change', other: '# changes' })} empty={<Empty title={reason ? t`No row for this reason` : t`Every row came through as it was`} />}>
        {(rows) => (
          <DataTable
            caption={t`Rows dropped, changed or flagged`}
            rows={rows}
            rowKey={(change, index) => `${change.row} ${change.reason} ${index}`}
            columns={[
              { head: t`Row before`, cell: (change) => change.row, numeric: true },
              { head: t`What happened`, cell: (change) => <Tag tone={TONES[change.action]}>{change.action}</Tag> },
              { head: t`Why`, cell: (change) => <>{reasonInWords(change.reason)}<br /><span className="dim">{change.detail}</span></>, wide: true },
              { head: t`Repeats row`, cell: (change) => (change.other_row == null ? '' : <span className="nowrap">{change.other_row}{change.similarity != null && <span className="dim"> {t`(${percent(change.similarity, 0)} alike)`}</span>}</span>), numeric: true },
              { head: t`Before`, cell: (change) => (change.before == null ? '' : <Untrusted text={change.before} fold={200} />) },
              ...(rows.some((change) => change.after != null)
                ? [{ head: t`After`, cell: (change: RowChange) => (change.after == null ? '' : <Untrusted text={change.after} fold={200} />) }]
                : []),
            ]}
          />
        )}
      </More>
    </div>
  )
}
