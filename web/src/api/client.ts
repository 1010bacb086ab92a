/* The one way to the server: typed by our OpenAPI document, same origin, cookie session. Every failure is thrown as a Problem. */
import createClient, { type Middleware } from 'openapi-fetch'
import { Problem, readProblem, serverGone } from './problem'
import type { paths } from './schema'

const failures: Middleware = {
  async onResponse({ response }) {
    if (!response.ok) throw await readProblem(response)
    return undefined
  },
  onError({ error }) {
    return error instanceof Problem ? error : serverGone(error)
  },
}

export const api = createClient<paths>({ credentials: 'same-origin' })
api.use(failures)

/** The body of an answer. Failures were thrown on the way, so an absent body is one the contract does not promise. */
export async function body<T>(call: Promise<{ data?: T }>): Promise<T> {
  const { data } = await call
  return data as T
}
