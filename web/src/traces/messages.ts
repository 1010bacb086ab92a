/* Messages in whatever dialect they came, as a chat: OpenAI's (content text or parts, tool calls), OpenTelemetry's (parts), and
   plain text. Pure. Content of a kind we do not know is kept as JSON, never dropped. */

export type ChatMessage = { role: string; text: string; toolCalls: { name: string; arguments: string }[] }

/** Read messages; null where the value is no list of messages. */
export function messagesOf(value: unknown): ChatMessage[] | null {
  if (typeof value === 'string') return [{ role: 'text', text: value, toolCalls: [] }]
  const list = Array.isArray(value) ? value : isRecord(value) && typeof value['role'] === 'string' ? [value] : null
  if (list === null || list.length === 0) return null
  if (!list.every((one) => isRecord(one) && typeof one['role'] === 'string')) return null
  return list.map((one) => messageOf(one as Record<string, unknown>))
}

function messageOf(raw: Record<string, unknown>): ChatMessage {
  const parts = raw['content'] ?? raw['parts'] ?? ''
  const calls = [...callsOf(raw['tool_calls']), ...(Array.isArray(parts) ? callsOf(parts.filter((part) => isRecord(part) && part['type'] === 'tool_call')) : [])]
  return { role: String(raw['role']), text: textOf(parts), toolCalls: calls }
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return content == null ? '' : JSON.stringify(content)
  return content
    .filter((part) => !(isRecord(part) && part['type'] === 'tool_call'))
    .map((part) => {
      if (typeof part === 'string') return part
      if (isRecord(part) && typeof part['text'] === 'string') return part['text']
      if (isRecord(part) && typeof part['content'] === 'string') return part['content']
      return JSON.stringify(part)
    })
    .join('\n')
}

function callsOf(calls: unknown): { name: string; arguments: string }[] {
  if (!Array.isArray(calls)) return []
  return calls.filter(isRecord).map((call) => {
    const made = isRecord(call['function']) ? call['function'] : call
    const given = made['arguments']
    return { name: String(made['name'] ?? 'tool'), arguments: typeof given === 'string' ? given : JSON.stringify(given ?? {}) }
  })
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
