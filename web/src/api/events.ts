/* A stream of events as the server tells them: text/event-stream, which the contract does not describe. */
import { t } from '@lingui/core/macro'
import { fetch } from './fetch'
import { Problem, problemOf, readProblem } from './problem'

export type Told = { name: string; data: unknown; id?: string }

/** Events are divided by an empty line; what is not whole yet is kept for later. Pure. */
export function readEvents(text: string): { events: Told[]; rest: string } {
  const parts = text.split('\n\n')
  const rest = parts.pop() ?? ''
  const events = parts.flatMap((part) => {
    const name = /^event: (\w+)$/m.exec(part)?.[1]
    const data = /^data: (.*)$/m.exec(part)?.[1]
    const id = /^id: (.*)$/m.exec(part)?.[1]
    return name !== undefined && data !== undefined ? [{ name, data: JSON.parse(data) as unknown, ...(id !== undefined && { id }) }] : []
  })
  return { events, rest }
}

/** Asks and tells every event until the stream ends. Throws a Problem for a refusal. */
export async function readStream(path: string, asked: RequestInit & { signal: AbortSignal }, tell: (event: Told) => void): Promise<void> {
  const response = await fetch(path, { credentials: 'same-origin', ...asked }).catch((thrown: unknown) => {
    throw asked.signal.aborted ? thrown : problemOf(thrown)
  })
  if (!response.ok || response.body === null) throw await readProblem(response)
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (;;) {
    const { value, done } = await reader.read()
    if (done) return
    const read = readEvents(rest + value)
    rest = read.rest
    read.events.forEach(tell)
  }
}

/** Posts and tells every event. Throws a Problem for a refusal, and for a stream that ends without the event 'end'. */
export async function askEvents(path: string, body: unknown, signal: AbortSignal, tell: (event: Told) => void): Promise<void> {
  let isEnded = false
  await readStream(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body), signal }, (event) => {
    isEnded ||= event.name === 'end'
    tell(event)
  })
  if (!isEnded) throw new Problem(0, 'broke_off', t`The answer broke off`, t`The stream ended before the answer did; ask again.`)
}
