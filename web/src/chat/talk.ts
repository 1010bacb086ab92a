/* A conversation with an endpoint as it stands, and what each event does to it. Pure. */

export type Answer = {
  role: 'assistant'
  content: string
  state: 'coming' | 'whole' | 'stopped' | 'failed'
  /** Why it failed. */
  error: string | null
  traceId: string | null
  releaseId: string | null
  /** What was said of it here: 1 is good, 0 is bad. */
  thumb: 0 | 1 | null
}
export type Turn = { role: 'user'; content: string } | Answer

export type End = { error: string | null; trace_id: string | null; release_id: string | null }

const COMING: Answer = { role: 'assistant', content: '', state: 'coming', error: null, traceId: null, releaseId: null, thumb: null }

/** Somebody says something; the answer is on its way. */
export const asked = (talk: readonly Turn[], words: string): Turn[] => [...talk, { role: 'user', content: words }, COMING]

/** What the endpoint is told: nothing that failed, and of what was stopped what had come. */
export function toldOf(talk: readonly Turn[]): { role: 'user' | 'assistant'; content: string }[] {
  return talk.filter((turn) => turn.role === 'user' || turn.content !== '').map(({ role, content }) => ({ role, content }))
}

export const heard = (talk: readonly Turn[], words: string): Turn[] => changed(talk, (answer) => ({ ...answer, content: answer.content + words }))

export const ended = (talk: readonly Turn[], { error, trace_id, release_id }: End): Turn[] => changed(talk, (answer) => ({ ...answer, state: error === null ? 'whole' : 'failed', error, traceId: trace_id, releaseId: release_id }))

export const stopped = (talk: readonly Turn[]): Turn[] => changed(talk, (answer) => ({ ...answer, state: 'stopped' }))

export const failed = (talk: readonly Turn[], error: string): Turn[] => changed(talk, (answer) => ({ ...answer, state: 'failed', error }))

/** Somebody says what they think of an answer. */
export const judged = (talk: readonly Turn[], traceId: string, thumb: 0 | 1): Turn[] => talk.map((turn) => (turn.role === 'assistant' && turn.traceId === traceId ? { ...turn, thumb } : turn))

/** Back to before the last question, which may be asked again. */
export function withoutLast(talk: readonly Turn[]): { before: Turn[]; words: string } {
  const at = talk.findLastIndex((turn) => turn.role === 'user')
  return { before: talk.slice(0, Math.max(at, 0)), words: talk[at]?.content ?? '' }
}

function changed(talk: readonly Turn[], change: (answer: Answer) => Answer): Turn[] {
  return talk.map((turn, index) => (index === talk.length - 1 && turn.role === 'assistant' && turn.state === 'coming' ? change(turn) : turn))
}

/** A conversation that is kept while one looks at something else: what was said, in which session, and what is being written. */
export type Kept = { sessionId: string; talk: Turn[]; words: string }

/** Reads what was kept; null for anything else. An answer that was on its way was stopped by leaving. */
export function keptOf(read: unknown): Kept | null {
  if (!isRecord(read) || typeof read['sessionId'] !== 'string' || typeof read['words'] !== 'string' || !Array.isArray(read['talk']) || !read['talk'].every(isTurn)) return null
  return { sessionId: read['sessionId'], words: read['words'], talk: stopped(read['talk']) }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
const isTextOrNull = (value: unknown): boolean => value === null || typeof value === 'string'

function isTurn(turn: unknown): turn is Turn {
  if (!isRecord(turn) || typeof turn['content'] !== 'string') return false
  if (turn['role'] === 'user') return true
  return turn['role'] === 'assistant' && ['coming', 'whole', 'stopped', 'failed'].includes(String(turn['state'])) && [turn['error'], turn['traceId'], turn['releaseId']].every(isTextOrNull) && [0, 1, null].includes(turn['thumb'] as 0 | 1 | null)
}
