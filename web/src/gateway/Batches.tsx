/* Batches: many requests from a file, answered when there is time; how far each is, what failed, and its answers to take along. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, FileInput, NativeSelect, PasswordInput, Progress } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { infiniteQueryOptions, useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { api, body } from '../api/client'
import { whileBusy } from '../api/requests'
import { readProblem } from '../api/problem'
import type { Batch } from '../api/types'
import { count } from '../format/numbers'
import { sh } from '../format/shell'
import { useMay } from '../governance/queries'
import { Confirm } from '../ui/Confirm'
import { DataTable } from '../ui/DataTable'
import { Dialog } from '../ui/Dialog'
import { More } from '../ui/More'
import { Page } from '../ui/Page'
import { Empty } from '../ui/states'
import { Status } from '../ui/Status'
import { When } from '../ui/When'
import { GATEWAY_TABS } from './tabs'

const ASKS = ['/v1/chat/completions', '/v1/responses', '/v1/completions', '/v1/embeddings', '/v1/messages']

const STATES: Record<Batch['status'], { state: string; word: string }> = {
  validating: { state: 'running', word: t`Checked` },
  in_progress: { state: 'running', word: t`Asked` },
  finalizing: { state: 'running', word: t`Being written` },
  completed: { state: 'succeeded', word: t`Answered` },
  failed: { state: 'failed', word: t`Failed` },
  expired: { state: 'failed', word: t`Out of time` },
  cancelling: { state: 'held', word: t`Being stopped` },
  cancelled: { state: 'cancelled', word: t`Stopped` },
}
const OVER = new Set<Batch['status']>(['completed', 'failed', 'expired', 'cancelled'])
const isGoing = (batch: Batch): boolean => !OVER.has(batch.status)

const batchesQuery = infiniteQueryOptions({
  queryKey: ['batches'],
  queryFn: async ({ pageParam }) => {
    const page = await body(api.GET('/v1/batches', { params: { query: { limit: 50, after: pageParam } } }))
    return { items: page.data, next_cursor: page.has_more ? page.last_id : null }
  },
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (last) => last.next_cursor ?? undefined,
  refetchInterval: whileBusy((data) => data.pages[0]?.items.some(isGoing) ?? false, 3000),
})

export function Batches() {
  const batches = useInfiniteQuery(batchesQuery)
  const may = useMay('gateway.invoke')
  return (
    <Page title={t`Batches`} lead={t`Many requests from a file of JSON lines, answered within a day, through the same limits, guards and traces as any other.`} actions={may && <StartBatch />} command="treadle batch list" python="client.batches.list_()" tabs={GATEWAY_TABS}>
      <More
        query={batches}
        counted={(num) => plural(num, { one: '# batch', other: '# batches' })}
        empty={<Empty title={t`No batch yet`} command="treadle batch start questions.jsonl --wait">{t`Each line of the file is a request in the form of OpenAI’s batches; the answers come back as such a file.`}</Empty>}
      >
        {(rows) => (
          <DataTable
            caption={t`Batches`}
            rows={rows}
            rowKey={(batch) => batch.id}
            columns={[
              { head: t`Batch`, cell: (batch) => (batch.run_id == null ? <code>{batch.id}</code> : <Link to="/runs/$runId" params={{ runId: batch.run_id }}><code style={{ display: 'inline-block', maxWidth: '9rem', overflowWrap: 'anywhere' }}>{batch.id}</code></Link>) },
              { head: t`Asks`, cell: (batch) => <><code>{batch.endpoint}</code>{batch.model != null && <div className="dim untrusted">{batch.model}</div>}</> },
              { head: t`State`, cell: (batch) => <Status state={STATES[batch.status].state} word={STATES[batch.status].word} /> },
              { head: t`How far`, cell: (batch) => <HowFar batch={batch} />, wide: true },
              { head: t`Tokens`, cell: (batch) => (batch.usage == null ? '' : count(batch.usage.total_tokens)), numeric: true },
              { head: t`Answers`, cell: (batch) => <Files batch={batch} /> },
              { head: t`Started`, cell: (batch) => <When at={new Date(batch.created_at * 1000).toISOString()} /> },
              ...(may ? [{ head: t`Stop`, cell: (batch: Batch) => <Stop batch={batch} /> }] : []),
            ]}
          />
        )}
      </More>
    </Page>
  )
}

function HowFar({ batch }: { batch: Batch }) {
  const { total, completed, failed } = batch.request_counts
  const faults = batch.errors?.data ?? []
  const done = completed + failed
  return (
    <div style={{ minWidth: '9rem' }}>
      {isGoing(batch) && total > 0 && <Progress value={(100 * done) / total} size="sm" aria-label={t`Progress of ${batch.id}`} transitionDuration={0} />}
      <span className="dim">{t`${count(done)} of ${count(total)}`}{failed > 0 && t`, ${count(failed)} with an error`}</span>
      {faults.slice(0, 3).map((fault, at) => <div key={at} className="untrusted">{fault.line != null && t`line ${fault.line}: `}{fault.message}</div>)}
      {faults.length > 3 && <div className="dim">{plural(faults.length - 3, { one: 'and # fault more', other: 'and # faults more' })}</div>}
    </div>
  )
}

function Files({ batch }: { batch: Batch }) {
  if (batch.output_file_id == null && batch.error_file_id == null) return <span className="dim">{t`not yet`}</span>
  return (
    <div className="row">
      {batch.output_file_id != null && <a href={`/v1/files/${batch.output_file_id}/content`} download={`${batch.id}.jsonl`}><Trans>Answers<span className="hidden-visually"> of {batch.id}</span></Trans></a>}
      {batch.error_file_id != null && <a href={`/v1/files/${batch.error_file_id}/content`} download={`${batch.id}-errors.jsonl`}><Trans>Errors<span className="hidden-visually"> of {batch.id}</span></Trans></a>}
    </div>
  )
}

function Stop({ batch }: { batch: Batch }) {
  const requests = useQueryClient()
  const stop = useMutation({
    mutationFn: () => body(api.POST('/v1/batches/{batch_id}/cancel', { params: { path: { batch_id: batch.id } } })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['batches'] }),
  })
  if (!isGoing(batch) || batch.status === 'cancelling') return null
  return (
    <Confirm title={t`Stop this batch?`} words={t`Nothing more is asked of it; what was answered is kept.`} command={sh`treadle batch cancel ${batch.id}`} confirm={t`Stop it`} danger run={() => stop.mutateAsync()}>
      {(open) => <Button size="compact-xs" variant="default" onClick={open}><Trans>Stop<span className="hidden-visually"> {batch.id}</span></Trans></Button>}
    </Confirm>
  )
}

function StartBatch() {
  const [opened, { open, close }] = useDisclosure(false)
  const [file, setFile] = useState<File | null>(null)
  const [asks, setAsks] = useState(ASKS[0] ?? '')
  const [key, setKey] = useState('')
  const requests = useQueryClient()
  const start = useMutation({
    mutationFn: (given: File) => startBatch(given, asks, key.trim()),
    gcTime: 0,
    onSuccess: () => requests.invalidateQueries({ queryKey: ['batches'] }),
  })
  return (
    <>
      <Button size="sm" onClick={() => (setKey(''), open())}>{t`Start a batch`}</Button>
      <Dialog title={t`Start a batch`} opened={opened} close={close} confirm={t`Start it`} disabled={file === null || key.trim() === ''} words={t`A batch acts for an API key: the key’s limits and endpoints count. The key is not kept here.`} command={sh`treadle batch start ${file?.name ?? 'FILE'} --endpoint ${asks}`} run={() => (file === null ? Promise.resolve() : start.mutateAsync(file))}>
        {(faults) => (
          <>
            <FileInput label={t`File of JSON lines`} accept=".jsonl,application/jsonl" placeholder={t`Choose a file`} value={file} onChange={setFile} error={faults('input_file_id')} clearable />
            <PasswordInput label={t`API key`} autoComplete="off" value={key} onChange={(event) => setKey(event.currentTarget.value)} />
            <NativeSelect label={t`What each line asks`} value={asks} onChange={(event) => setAsks(event.currentTarget.value)} data={ASKS} error={faults('endpoint')} />
          </>
        )}
      </Dialog>
    </>
  )
}

/** Not in the session's name: a batch acts for a key, which goes with these two requests and nowhere else. */
async function startBatch(file: File, asks: string, key: string): Promise<Batch> {
  const form = new FormData()
  form.set('purpose', 'batch')
  form.set('file', file)
  const { id } = (await post('/v1/files', key, form)) as { id: string }
  return (await post('/v1/batches', key, JSON.stringify({ input_file_id: id, endpoint: asks, completion_window: '24h' }))) as Batch
}

async function post(path: string, key: string, sent: FormData | string): Promise<unknown> {
  const kind: Record<string, string> = typeof sent === 'string' ? { 'content-type': 'application/json' } : {}
  const answer = await fetch(path, { method: 'POST', body: sent, credentials: 'omit', headers: { ...kind, authorization: `Bearer ${key}` } })
  if (!answer.ok) throw await readProblem(answer)
  return answer.json()
}
