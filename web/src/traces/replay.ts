/* A model call as it was, ready on the playground: its messages, its request fields, its endpoint. Pure. */
import { EMPTY_DRAFT, linkOf, newColumn, newRow } from '../playground/board'
import { ROLES, type Draft } from '../prompts/draft'
import type { Span } from '../api/types'
import { messagesOf } from './messages'

const FIELDS = ['temperature', 'top_p', 'max_tokens', 'seed', 'frequency_penalty', 'presence_penalty'] as const

/** The playground's address with the call on it; null for a span that is no model call, whose messages were not kept, that called
    tools (which cannot be answered anew), or that is too long for an address. */
export function replayOf(span: Pick<Span, 'kind' | 'input_messages' | 'attributes'>, endpoint: string | null): string | null {
  const said = span.kind === 'llm' ? messagesOf(span.input_messages) : null
  if (said === null) return null
  const variables: Record<string, string> = {}
  const messages: Draft['messages'] = []
  for (const { role, text, toolCalls } of said) {
    const known = role === 'developer' ? 'system' : role === 'text' ? 'user' : ROLES.find((one) => one === role)
    if (known === undefined || toolCalls.length > 0) return null
    // Braces would be read as a variable of the template: such a text is a variable itself.
    const name = `message_${messages.length + 1}`
    if (text.includes('{{')) variables[name] = text
    messages.push({ role: known, template: text.includes('{{') ? `{{${name}}}` : text })
  }
  const attributes = span.attributes ?? {}
  const fields = FIELDS.flatMap((field) => (typeof attributes[`gen_ai.request.${field}`] === 'number' ? [[field, attributes[`gen_ai.request.${field}`]]] : []))
  const parameters = fields.length > 0 ? JSON.stringify(Object.fromEntries(fields)) : ''
  return linkOf({ columns: [newColumn(1, { draft: { ...EMPTY_DRAFT, messages }, endpoint: endpoint ?? '', parameters })], rows: [newRow(1, variables)] })
}
