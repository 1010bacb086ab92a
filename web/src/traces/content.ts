/* What a span was given and gave, in the form that is best to read: messages as a chat, else what its caller gave. Pure. */
import type { Span, Trace } from '../api/types'
import { messagesOf } from './messages'

export type Content = {
  /** For a chat; null where there is none. */
  input: unknown
  output: unknown
  /** What the caller gave beside that, by name; null where nothing was kept. */
  variables: Record<string, unknown> | null
}

/** Variables are shown unless the chat says the same: of a span without messages, 'input' is its input; of one with, it is often
    the last thing that was asked. */
export function contentOf(span: Pick<Span, 'input_messages' | 'output_messages' | 'variables'>): Content {
  const variables = isRecord(span.variables) ? span.variables : span.variables == null ? null : { input: span.variables }
  if (span.input_messages != null || variables === null) {
    const { input: given, ...rest } = variables ?? {}
    const isSaid = typeof given === 'string' && given === messagesOf(span.input_messages)?.findLast(({ role }) => role === 'user')?.text
    return { input: span.input_messages ?? null, output: span.output_messages ?? null, variables: some(isSaid ? rest : variables) }
  }
  const { input, ...others } = variables
  if (typeof input === 'string') return { input, output: span.output_messages ?? null, variables: some(others) }
  return { input: null, output: span.output_messages ?? null, variables: some(variables) }
}

/** The one text that a function was given, else all that it was given. */
function only(variables: Record<string, unknown> | null): unknown {
  const [first, ...others] = Object.values(variables ?? {})
  return typeof first === 'string' && others.length === 0 ? first : variables
}

function some(variables: Record<string, unknown> | null): Record<string, unknown> | null {
  return variables !== null && Object.keys(variables).length > 0 ? variables : null
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The last thing that was asked and what was answered: a request repeats the whole conversation before it. */
export function lastSaid(span: Pick<Span, 'input_messages' | 'output_messages' | 'variables'>): { input: unknown; output: unknown } {
  const { input, output, variables } = contentOf(span)
  const messages = Array.isArray(input) ? input : null
  const from = messages?.findLastIndex((message) => isRecord(message) && message['role'] === 'user') ?? -1
  return { input: messages !== null && from >= 0 ? messages.slice(from) : (input ?? only(variables)), output }
}

/** How much of a question and an answer a line of the list of traces has. */
const LISTED = 200

/** What the whole trace was asked and answered, for a root that says it only through its parts; null where nobody says. */
export function saidOf(trace: Pick<Trace, 'input_text' | 'output_text'>): { input: string | null; output: string | null; isCut: boolean } {
  const input = asked(trace.input_text)
  return {
    input: input === '' ? null : input,
    output: trace.output_text === '' ? null : trace.output_text,
    isCut: trace.input_text.length >= LISTED || trace.output_text.length >= LISTED,
  }
}

/** A question that is JSON of one text, such as a function's only argument, as that text; of one that was cut off, what is there. */
export function asked(text: string): string {
  const told = /^\{\s*"[^"\\]*"\s*:\s*("(?:[^"\\]|\\.)*)("\s*\}\s*)?/su.exec(text)
  if (told === null || told[0].length < text.replace(/\\(u[\da-f]{0,3})?$/iu, '').length) return text
  const isCut = told[2] === undefined
  if (isCut && text.length < LISTED) return text
  try {
    const value: unknown = JSON.parse(`${(told[1] ?? '').replace(/\\u[\da-f]{0,3}$/iu, '')}"`)
    return typeof value === 'string' && value !== '' ? value : text
  } catch {
    return text
  }
}
