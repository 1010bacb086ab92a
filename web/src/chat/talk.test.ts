import { expect, test } from 'vitest'
import { asked, ended, failed, heard, judged, keptOf, stopped, toldOf, withoutLast } from './talk'

const END = { error: null, trace_id: 'abc', release_id: 'rel_1' }

test('an answer grows, ends with its trace, and is told with the next question', () => {
  const talk = ended(heard(heard(asked([], 'hello'), 'wel'), 'come'), END)
  expect(talk.at(-1)).toMatchObject({ content: 'welcome', state: 'whole', traceId: 'abc' })
  expect(toldOf(asked(talk, 'more'))).toEqual([{ role: 'user', content: 'hello' }, { role: 'assistant', content: 'welcome' }, { role: 'user', content: 'more' }])
})

test('what was stopped hears no more, and keeps what had come', () => {
  const talk = heard(stopped(heard(asked([], 'hello'), 'wel')), 'come')
  expect(talk.at(-1)).toMatchObject({ content: 'wel', state: 'stopped' })
})

test('what failed before a word is not told, and may be asked again', () => {
  const talk = failed(asked([], 'hello'), 'down')
  expect(toldOf(talk)).toEqual([{ role: 'user', content: 'hello' }])
  expect(withoutLast(talk)).toEqual({ before: [], words: 'hello' })
})

test('what was kept is read back, and an answer that was on its way was stopped', () => {
  const talk = judged(ended(heard(asked([], 'hello'), 'welcome'), END), 'abc', 1)
  const kept = { sessionId: 'try-1', words: 'and', talk: heard(asked(talk, 'more'), 'some') }
  expect(keptOf(JSON.parse(JSON.stringify(kept)))).toEqual({ ...kept, talk: stopped(kept.talk) })
  expect(keptOf({ ...kept, talk: [{ role: 'system', content: 'x' }] })).toBeNull()
  expect(keptOf(null)).toBeNull()
})
