/* The browser's fetch for what the typed client does not do. A request that nobody answered is a Problem, as it is with the client, and
   so is an answer that broke off on the way. */
import { t } from '@lingui/core/macro'
import { Problem, serverGone } from './problem'

export async function fetch(path: string, asked: RequestInit): Promise<Response> {
  const isStopped = (): boolean => asked.signal?.aborted ?? false
  const answer = await window.fetch(path, asked).catch((thrown: unknown) => {
    throw isStopped() ? thrown : serverGone(thrown)
  })
  if (answer.body === null) return answer
  const { status, statusText, headers } = answer
  return new Response(whole(answer.body, isStopped), { status, statusText, headers })
}

/** The same bytes; where they end too early, a Problem says so, unless somebody stopped them. */
function whole(body: ReadableStream<Uint8Array<ArrayBuffer>>, isStopped: () => boolean): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = body.getReader()
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      try {
        const { value, done } = await reader.read()
        if (done) controller.close()
        else controller.enqueue(value)
      } catch (thrown) {
        controller.error(isStopped() ? thrown : new Problem(0, 'broke_off', t`The answer broke off`, t`The stream ended before the answer did; ask again.`))
      }
    },
    cancel: (reason) => reader.cancel(reason),
  })
}
