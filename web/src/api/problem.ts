/* A request that did not work, in one shape: RFC 9457 problems from the server, and status 0 where no server answered. */
import { t } from '@lingui/core/macro'

/** How slices call it that something has the name already. */
const NAME_TAKEN = /[._](exists|name_in_use|name_taken)$/

export class Problem extends Error {
  /** HTTP status; 0 when nothing answered. */
  readonly status: number
  /** Stable, dotted: 'data.dataset_not_found'. */
  readonly code: string
  readonly title: string
  /** What failed, what would have been right, and the next step: written by the server for people. */
  readonly detail: string
  /** The facts behind the detail. */
  readonly values: Readonly<Record<string, unknown>>

  constructor(status: number, code: string, title: string, detail: string, values: Record<string, unknown> = {}) {
    super(detail || title)
    this.name = 'Problem'
    this.status = status
    this.code = code
    this.title = title
    this.detail = detail
    this.values = values
  }

  /** What was refused, field by field, where the server says so. */
  get faults(): readonly Fault[] {
    const told = this.values['faults']
    if (Array.isArray(told)) return told.filter(isFault)
    return NAME_TAKEN.test(this.code) ? [{ field: 'name', fault: this.detail }] : []
  }

  /** What was said against a field or something within it; undefined where nothing was. */
  faultOf(field: string): string | undefined {
    return this.faults.find((fault) => isWithin(fault.field, field))?.fault
  }
}

/** Whether a place is a field or within it. '*' in a field stands for one part, such as the kind that a union was read as. */
export function isWithin(place: string, field: string): boolean {
  const parts = place.split('.')
  return field.split('.').every((part, at) => part === '*' ? parts[at] !== undefined : part === parts[at])
}

export type Fault = { field: string; fault: string }

function isFault(told: unknown): told is Fault {
  return typeof told === 'object' && told !== null && 'field' in told && 'fault' in told && typeof told.field === 'string' && typeof told.fault === 'string'
}

/** Read a failed response. A body that is no problem document (a proxy's page) is named by its status only. */
export async function readProblem(response: Response): Promise<Problem> {
  const fallback = t`The server answered ${response.status} ${response.statusText}`.trim()
  let body: unknown = null
  try {
    body = await response.clone().json()
  } catch {
    return new Problem(response.status, `http_${response.status}`, fallback, fallback)
  }
  const said = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>
  const text = (key: string, otherwise: string): string => (typeof said[key] === 'string' ? said[key] : otherwise)
  const values = typeof said['values'] === 'object' && said['values'] !== null ? (said['values'] as Record<string, unknown>) : {}
  return new Problem(response.status, text('code', `http_${response.status}`), text('title', fallback), text('detail', fallback), values)
}

/** A request that nobody answered. */
export function serverGone(thrown: unknown): Problem {
  return new Problem(0, 'server_gone', t`The server does not answer`, thrown instanceof Error ? thrown.message : String(thrown))
}

/** How browsers name a part of the application that they could not fetch; it is all they say. */
const PART_NOT_FETCHED = /dynamically imported module|importing a module script failed/i

/** Any thrown thing as a Problem. What failed on the way to the server is one before it comes here: any other fault is the page's. */
export function problemOf(thrown: unknown): Problem {
  if (thrown instanceof Problem) return thrown
  const words = thrown instanceof Error ? thrown.message : String(thrown)
  if (PART_NOT_FETCHED.test(words)) return serverGone('')
  return new Problem(500, 'page_failed', t`This page failed`, words)
}
