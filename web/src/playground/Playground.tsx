/* Columns of prompt x endpoint, asked side by side with the same rows: words as they come, what it cost, and what is kept. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, NumberInput } from '@mantine/core'
import { useInfiniteQuery, useQueries } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import { usd } from '../format/numbers'
import { useMay } from '../governance/queries'
import { promptVersionQuery } from '../prompts/queries'
import { endpointsQuery } from '../releases/queries'
import { CopyButton } from '../ui/CommandLine'
import { keep, readKept } from '../ui/kept'
import { Page, Section } from '../ui/Page'
import { Empty } from '../ui/states'
import { Answers } from './Answers'
import { boardIn, boardOf, faultOfColumn, lastKeyOf, linkOf, MOST_COLUMNS, namesOf, newColumn, newRow, type Board, type Column } from './board'
import { ColumnEdit } from './ColumnEdit'
import { RowsEdit } from './RowsEdit'
import styles from './Playground.module.css'
import { useAsking } from './useAsking'

export function Playground() {
  const { prompt, version, state } = useSearch({ from: '/frame/playground' })
  const place = `treadle-playground:${prompt ?? ''}:${version ?? ''}:${state ?? ''}`
  // What a desk asks goes into the address, and it stays the same desk; with any other address it is another one.
  const asked = useRef<string>(undefined)
  const [desk, setDesk] = useState({ place, number: 1 })
  if (desk.place !== place) setDesk({ place, number: state !== undefined && state === asked.current ? desk.number : desk.number + 1 })
  return (
    <Page
      title={t`Playground`}
      lead={t`Ask prompts of endpoints side by side, with the same rows. It goes through the gateway as you: limits, guards, prices and traces hold.`}
      command="treadle prompt try PROMPT --endpoint ENDPOINT --rows rows.jsonl"
      python={'client.playground.try_grid(NewGrid(prompts=[TriedPrompt(name="greeting")], endpoints=["plain"], rows=[{"name": "Ada"}]))'}
    >
      <Desk
        key={desk.number}
        place={place}
        asks={(link) => (asked.current = link)}
        fresh={boardOf(state) ?? { columns: [newColumn(1, prompt ? { prompt, version: version ?? 'latest' } : {})], rows: [newRow(1)] }}
      />
    </Page>
  )
}

/** `fresh`: what the address says; `asks` is told what it is about to say. What was changed since is kept under `place` for this tab. */
function Desk({ place, asks, fresh }: { place: string; asks: (link: string) => void; fresh: Board }) {
  const [kept, setKept] = useState(() => boardIn(readKept('session', place)))
  const [board, setBoard] = useState(kept ?? fresh)
  const [budget, setBudget] = useState('')
  const lastKey = useRef(Math.max(lastKeyOf(board), lastKeyOf(fresh)))
  const nextKey = (): number => (lastKey.current += 1)
  const asking = useAsking()
  const navigate = useNavigate()
  const may = useMay('gateway.invoke')
  const endpoints = useInfiniteQuery(endpointsQuery)
  const { columns, rows } = board
  const named = [...new Map(columns.filter(({ prompt }) => prompt !== '').map(({ prompt, version }) => [`${prompt}@${version}`, { prompt, version }])).values()]
  const versions = useQueries({ queries: named.map(({ prompt, version }) => promptVersionQuery(prompt, version)) })
  const versionOf = (column: Column) => versions[named.findIndex(({ prompt, version }) => prompt === column.prompt && version === column.version)]
  const names = namesOf(columns, (column) => versionOf(column)?.data?.variables ?? [])
  const states = columns.map(({ key }) => asking.stateOf(key))
  const busy = states.some((one) => one.busy)
  const ready = columns.filter((column) => faultOfColumn(column) === null)

  const setColumn = (key: number, change: Partial<Column>): void => setBoard((before) => ({ ...before, columns: before.columns.map((one) => (one.key === key ? { ...one, ...change } : one)) }))
  const link = linkOf(board)
  useEffect(() => keep('session', place, JSON.stringify(board) === JSON.stringify(fresh) ? null : board), [place, board])
  const run = (which: readonly Column[]): void => {
    // What was asked stands in the address, so that it can be shared and gone back to.
    setKept(null)
    if (link !== null) {
      keep('session', place, null)
      asks(link)
      void navigate({ to: '/playground', search: { state: link }, replace: true, resetScroll: false })
    }
    for (const column of which) void asking.run(column, rows, names, budget)
  }
  const address = link === null ? null : `${window.location.origin}${window.location.pathname}#/playground?state=${link}`
  const told = states.flatMap(({ cells }) => Object.values(cells).flatMap((cell) => cell.told ?? []))
  const spent = told.reduce((sum, cell) => sum + Number(cell.cost_usd ?? 0), 0)
  const unpriced = told.filter((cell) => cell.status === 'answered' && cell.cost_usd === null).length

  return (
    <>
      {endpoints.data?.pages[0]?.items.length === 0 && <Empty title={t`No endpoint to ask`} command="treadle demo">{t`The playground asks through endpoints; a turn makes one, and so does a release of a provider's model.`}</Empty>}
      <Section
        title={t`Columns`}
        beside={<div className="row">
            <Button size="xs" variant="default" disabled={columns.length >= MOST_COLUMNS} onClick={() => setBoard({ ...board, columns: [...columns, { ...columns.at(-1)!, key: nextKey() }] })}>{t`Another column`}</Button>
            {address === null ? <span className="dim">{t`Too long to share as a link: save the columns as versions first`}</span> : <span className="row"><CopyButton text={address} what={t`link to this playground`} /><span className="dim">{t`link to share`}</span></span>}
          </div>}
      >
        {kept && (
          <p className="row" role="status">
            {t`What you wrote here before is still here.`}
            <Button
              size="compact-xs"
              variant="default"
              onClick={() => {
                setBoard(fresh)
                setKept(null)
              }}
            >
              {t`Start over`}
            </Button>
          </p>
        )}
        <div className={styles.columns} style={{ gridTemplateColumns: `repeat(${columns.length}, minmax(min(100%, 19rem), 1fr))` }}>
          {columns.map((column, at) => (
            <ColumnEdit
              key={column.key}
              number={at + 1}
              column={column}
              version={versionOf(column)}
              rows={rows}
              names={names}
              state={asking.stateOf(column.key)}
              set={(change) => setColumn(column.key, change)}
              remove={columns.length > 1 ? () => { asking.stop(column.key); setBoard({ ...board, columns: columns.filter((one) => one !== column) }) } : undefined}
              run={() => run([column])}
            />
          ))}
        </div>
      </Section>
      <RowsEdit rows={rows} names={names} nextKey={nextKey} set={(next) => setBoard((before) => ({ ...before, rows: next }))} />
      <Section
        title={t`Answers`}
        beside={<div className="row" style={{ alignItems: 'flex-end' }}>
            <NumberInput label={t`Spend at most (USD, per column)`} size="xs" w={210} min={0} decimalScale={4} value={budget} onChange={(value) => setBudget(String(value))} />
            {busy ? <Button size="sm" variant="default" onClick={() => columns.forEach(({ key }) => asking.stop(key))}>{t`Stop`}</Button> : <Button size="sm" disabled={!may || ready.length === 0 || rows.length === 0} onClick={() => run(ready)}>{t`Ask ${plural(ready.length * rows.length, { one: '# cell', other: '# cells' })}`}</Button>}
          </div>}
      >
        {!may && <p className="dim"><Trans>Your key may not ask endpoints: it lacks <code>gateway.invoke</code>.</Trans></p>}
        <p className="dim" role="status">
          {told.length > 0 && (unpriced > 0
            ? t`${plural(told.length, { one: '# cell', other: '# cells' })} asked, ${usd(spent)} spent, and ${plural(unpriced, { one: '# answer', other: '# answers' })} of no known price.`
            : t`${plural(told.length, { one: '# cell', other: '# cells' })} asked, ${usd(spent)} spent.`)}
          {busy && ` ${t`Asking…`}`}
        </p>
        <Answers columns={columns} rows={rows} names={names} stateOf={asking.stateOf} />
      </Section>
    </>
  )
}
