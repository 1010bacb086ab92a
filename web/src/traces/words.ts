/* The whole of what stands in an address as one filter in words. Pure. */
import { quotedIfNeeded } from './complete'
import type { TraceFilter } from './queries'

/** Everything that a filter says, in words alone. */
export function inWords({ q, text, endpoint, status, release_id, session_id, since, until }: TraceFilter): string {
  const said = [
    q && (/\bor\b/i.test(q) ? `(${q})` : q),
    ...(text?.split(/\s+/).filter(Boolean).map((word) => (/^[\p{L}\p{N}_]+$/u.test(word) && !/^(or|not)$/i.test(word) ? word : `"${word.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`)) ?? []),
    endpoint && `endpoint:${quotedIfNeeded(endpoint)}`,
    status && `status:${status}`,
    release_id && `release:${quotedIfNeeded(release_id)}`,
    session_id && `session:${quotedIfNeeded(session_id)}`,
    since && `started>=${since.slice(0, 19)}`,
    until && `started<${until.slice(0, 19)}`,
  ].filter(Boolean)
  return said.length === 1 ? (q && said[0] === `(${q})` ? q : String(said[0])) : said.join(' ')
}
