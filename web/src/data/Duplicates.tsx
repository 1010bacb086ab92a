/* Rows of a version that say the same, or nearly, group by group; those that are chosen are taken away, as the next version. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Checkbox, TextInput } from '@mantine/core'
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { api, body } from '../api/client'
import type { DatasetVersion, DuplicateGroup } from '../api/types'
import { count, percent } from '../format/numbers'
import { sh } from '../format/shell'
import { useMay } from '../governance/queries'
import { Follow } from '../jobs/Follow'
import { useFollowed } from '../jobs/useFollowed'
import { CommandLine } from '../ui/CommandLine'
import { Confirm } from '../ui/Confirm'
import { DataTable } from '../ui/DataTable'
import { More } from '../ui/More'
import { Section } from '../ui/Page'
import { Snippet } from '../ui/Snippet'
import { Empty } from '../ui/states'
import { Tag } from '../ui/Status'
import { Untrusted } from '../ui/text'
import { datasetQuery, duplicatesQuery } from './queries'
import { StartWork } from './StartWork'

const FILE = 'duplicates.parquet'

type Row = DuplicateGroup['rows'][number]

export function Duplicates({ of }: { of: DatasetVersion }) {
  const { dataset: name, version } = of
  const searched = of.files.some((file) => file.name === FILE)
  const groups = useInfiniteQuery({ ...duplicatesQuery(name, String(version)), enabled: searched })
  const command = sh`treadle data duplicates ${name} --version ${version}`
  if (!searched) {
    return (
      <StartWork
        title={t`Not searched for duplicates yet`}
        words={t`Exploring the version finds the rows that say the same, or nearly.`}
        command={command}
        button={t`Explore it`}
        start={() => body(api.POST('/api/v1/datasets/{name}/versions/{version}/profile', { params: { path: { name, version: String(version) } } }))}
      />
    )
  }
  return (
    <div className="stack">
      <div className="row"><CommandLine command={command} /><Snippet body={`client.datasets.list_duplicates(${JSON.stringify(name)}, ${version})`} /></div>
      <More query={groups} counted={(num) => plural(num, { one: '# group', other: '# groups' })} empty={<Empty title={t`No two rows are alike`}>{t`Every row of this version says something of its own.`}</Empty>}>
        {(rows) => <Groups of={of} groups={rows} />}
      </More>
    </div>
  )
}

function Groups({ of, groups }: { of: DatasetVersion; groups: DuplicateGroup[] }) {
  const may = useMay('data.write')
  const [chosen, setChosen] = useState<ReadonlyMap<number, Row>>(new Map())
  const set = (rows: readonly Row[], isChosen: boolean): void => {
    const next = new Map(chosen)
    for (const row of rows) {
      if (isChosen) next.set(row.row, row)
      else next.delete(row.row)
    }
    setChosen(next)
  }
  const others = groups.flatMap((group) => group.rows.slice(1))
  return (
    <>
      {may && (
        <div className="row">
          <Button size="xs" variant="default" onClick={() => set(others, true)}>{t`Choose all but the first of each group`}</Button>
          <Button size="xs" variant="default" disabled={chosen.size === 0} onClick={() => setChosen(new Map())}>{t`Choose none`}</Button>
          <TakeAway of={of} rows={[...chosen.values()]} />
        </div>
      )}
      {groups.map((group) => (
        <Section key={group.group} title={t`Group ${group.group}`} beside={<span className="dim">{t`${plural(group.num_rows, { one: '# row', other: '# rows' })}, alike from ${percent(group.similarity, 0)}`}</span>}>
          <DataTable
            caption={t`Rows of group ${group.group}`}
            rows={group.rows}
            rowKey={(row) => String(row.row)}
            maxHeight="20rem"
            selected={(row) => chosen.has(row.row)}
            columns={[
              ...(may ? [{ head: t`Take away`, cell: (row: Row) => <Checkbox size="xs" aria-label={t`Take away row ${row.row}`} checked={chosen.has(row.row)} onChange={(event) => set([row], event.currentTarget.checked)} /> }] : []),
              { head: t`Row`, cell: (row) => <Link to="/datasets/$name/versions/$version" params={{ name: of.dataset, version: String(of.version) }} search={{ row: String(row.row) }}>{row.row}</Link>, numeric: true },
              { head: t`Input`, cell: (row) => <Untrusted text={row.input} fold={240} />, wide: true },
              { head: t`Expected output`, cell: (row) => (row.expected_output == null ? <span className="dim">{t`none`}</span> : <Untrusted text={row.expected_output} fold={120} />) },
              { head: t`Part`, cell: (row) => row.part && <Tag>{row.part}</Tag> },
              { head: t`Most like`, cell: (row) => (row.like_row == null ? <span className="dim">{t`the first`}</span> : t`row ${row.like_row}, ${row.similarity === 1 ? t`the same text` : percent(row.similarity, 0)}`) },
            ]}
          />
          {group.num_rows > group.rows.length && <p className="dim">{t`The first ${count(group.rows.length)} of ${count(group.num_rows)}.`}</p>}
        </Section>
      ))}
    </>
  )
}

/** An edit like any other: refused where somebody made a version in between. */
function TakeAway({ of, rows }: { of: DatasetVersion; rows: readonly Row[] }) {
  const { dataset: name, version } = of
  const newest = useQuery(datasetQuery(name))
  const [message, setMessage] = useState('')
  const navigate = useNavigate()
  const requests = useQueryClient()
  const followed = useFollowed((run) => {
    if (run.status !== 'succeeded') return
    void requests.invalidateQueries({ queryKey: ['datasets'] })
    void navigate({ to: '/datasets/$name/versions/$version', params: { name, version: String(run.outputs['version']) }, search: {} })
  })
  const why = message.trim() || t`Without ${plural(rows.length, { one: '# row', other: '# rows' })} that others say already`
  const remove = useMutation({
    mutationFn: () =>
      body(
        api.POST('/api/v1/datasets/{name}/versions/{version}/edits', {
          params: { path: { name, version: String(version) } },
          body: { message: why, newest_version: newest.data?.latest_version ?? version, changed: [], added: [], deleted: rows.map(({ row, example_id }) => ({ row, example_id })) },
        }),
      ),
    onSuccess: followed.follow,
  })
  return (
    <>
      <Confirm
        title={plural(rows.length, { one: 'Take # row away?', other: 'Take # rows away?' })}
        words={t`The rest becomes the next version; v${version} stays as it is.`}
        command={sh`treadle data duplicates ${name} --version ${version} --remove GROUP`}
        confirm={t`Make the next version`}
        fields={<TextInput label={t`Why, for those who come later`} placeholder={why} value={message} maxLength={2000} onChange={(event) => setMessage(event.currentTarget.value)} />}
        disabled={rows.length === 0}
        run={() => remove.mutateAsync()}
      >
        {(open) => <Button size="xs" disabled={rows.length === 0 || followed.isGoing} onClick={open}><Trans>Take {count(rows.length)} away</Trans></Button>}
      </Confirm>
      <Follow run={followed.run} />
    </>
  )
}
