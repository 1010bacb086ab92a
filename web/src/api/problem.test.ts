/* What a thrown thing is as a Problem. */
import { expect, test } from 'vitest'
import { Problem, problemOf, serverGone } from './problem'

test('a fault of the page is no server that went away', () => {
  expect(problemOf(new TypeError("Cannot read properties of undefined (reading 'rows')"))).toMatchObject({ status: 500, code: 'page_failed' })
  expect(problemOf('odd')).toMatchObject({ status: 500, code: 'page_failed', detail: 'odd' })
})

test('a request or a part of the application that could not be fetched is', () => {
  expect(problemOf(serverGone(new TypeError('Failed to fetch')))).toMatchObject({ status: 0, code: 'server_gone' })
  expect(problemOf(new TypeError('Failed to fetch dynamically imported module: http://127.0.0.1/a.js'))).toMatchObject({ status: 0, code: 'server_gone' })
})

test('a problem stays what it is', () => {
  const problem = new Problem(404, 'data.dataset_not_found', 'Not found', 'there is no such dataset')

  expect(problemOf(problem)).toBe(problem)
})

test('a name that something has already is a fault of the field', () => {
  const detail = "a monitor named 'slow' exists; choose another name"

  for (const code of ['monitors.exists', 'queues.name_in_use', 'releases.endpoint_exists', 'editing.name_taken']) expect(new Problem(409, code, 'Conflict', detail).faultOf('name')).toBe(detail)
  expect(new Problem(409, 'channels.in_use', 'Conflict', detail).faults).toEqual([])
})
