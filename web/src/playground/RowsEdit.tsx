/* The rows that columns are asked with: typed, or taken from a dataset. */
import { plural, t } from '@lingui/core/macro'
import { Button, NativeSelect, NumberInput, Textarea, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useState } from 'react'
import { datasetsFound, PARTS } from '../data/queries'
import { Dialog } from '../ui/Dialog'
import { byName, NamePick } from '../ui/NamePick'
import { Section } from '../ui/Page'
import { MOST_ROWS, newRow, type Row } from './board'
import styles from './Playground.module.css'
import { rowsOf } from './queries'

type RowsEditProps = { rows: Row[]; names: string[]; nextKey: () => number; set: (rows: Row[]) => void }

export function RowsEdit({ rows, names, nextKey, set }: RowsEditProps) {
  return (
    <Section
      title={t`Rows`}
      beside={<div className="row">
          <span className="dim">{plural(rows.length, { one: '# row', other: '# rows' })}</span>
          <Button size="xs" variant="default" disabled={rows.length >= MOST_ROWS} onClick={() => set([...rows, newRow(nextKey())])}>{t`Another row`}</Button>
          <FromDataset names={names} nextKey={nextKey} take={set} />
        </div>}
    >
      <ol className={styles.rows}>
        {rows.map((row, at) => (
          <li key={row.key} className={styles.row}>
            <span className="dim">{at + 1}</span>
            <div className={styles.fields}>
              {names.map((name) => (
                <Textarea key={name} label={name} aria-label={t`${name} of row ${at + 1}`} size="xs" autosize minRows={1} maxRows={6} value={row.variables[name] ?? ''} onChange={(event) => { const text = event.currentTarget.value; set(rows.map((one) => (one === row ? { ...one, variables: { ...one.variables, [name]: text } } : one))) }} />
              ))}
              {row.expected !== null && <p className="untrusted"><span className="dim">{t`expected`} </span>{row.expected}</p>}
            </div>
            {rows.length > 1 && <Button size="compact-xs" variant="default" aria-label={t`Remove row ${at + 1}`} onClick={() => set(rows.filter((one) => one !== row))}>{t`Remove`}</Button>}
          </li>
        ))}
      </ol>
    </Section>
  )
}

function FromDataset({ names, nextKey, take }: { names: string[]; nextKey: () => number; take: (rows: Row[]) => void }) {
  const [opened, { open, close }] = useDisclosure(false)
  const [name, setName] = useState('')
  const [part, setPart] = useState('')
  const [text, setText] = useState('')
  const [num, setNum] = useState(5)
  const run = async (): Promise<void> => {
    const { items } = await rowsOf(name, PARTS.find((one) => one === part), text, num)
    if (items.length === 0) throw new Error(t`no row of the dataset is like that; look for other words, or another part`)
    // The input goes where the prompt asks for 'input', or for one thing only; other columns go by their name.
    const main = names.includes('input') ? 'input' : (names[0] ?? 'input')
    take(items.map((example) => newRow(nextKey(), { ...columnsOf(example.metadata ?? {}), [main]: example.input }, example.expected_output ?? null)))
  }
  return (
    <>
      <Button size="xs" variant="default" onClick={open}>{t`From a dataset`}</Button>
      <Dialog title={t`Rows from a dataset`} opened={opened} close={close} confirm={t`Take them`} disabled={name === ''} run={run} words={t`They take the place of the rows that are there. What each row expects is shown beside the answers.`}>
        {() => (
          <>
            <NamePick label={t`Dataset`} found={datasetsFound} choiceOf={byName} value={name} onChange={setName} enabled={opened} />
            <NativeSelect label={t`Part`} value={part} data={[{ value: '', label: t`Any` }, ...PARTS]} onChange={(event) => setPart(event.currentTarget.value)} />
            <TextInput label={t`Words in the row`} value={text} onChange={(event) => setText(event.currentTarget.value)} />
            <NumberInput label={t`How many`} min={1} max={MOST_ROWS} value={num} onChange={(value) => setNum(Math.min(MOST_ROWS, Math.max(1, Number(value))))} />
          </>
        )}
      </Dialog>
    </>
  )
}

function columnsOf(metadata: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).filter(([, value]) => value !== null && typeof value !== 'object').map(([name, value]) => [name, String(value)]))
}
