import { expect, test } from 'vitest'
import { readEvents } from './events'

test('events are read however the stream was cut', () => {
  const whole = 'event: delta\ndata: {"text":"a\\nb"}\n\nevent: end\ndata: {}\n\n'
  for (let cut = 0; cut <= whole.length; cut += 1) {
    const first = readEvents(whole.slice(0, cut))
    const second = readEvents(first.rest + whole.slice(cut))
    expect([...first.events, ...second.events]).toEqual([{ name: 'delta', data: { text: 'a\nb' } }, { name: 'end', data: {} }])
    expect(second.rest).toBe('')
  }
})

test('an event has a place to go on from where the server names one', () => {
  const { events } = readEvents(': still here\n\nid: 7\nevent: change\ndata: {}\n\n')

  expect(events).toEqual([{ name: 'change', data: {}, id: '7' }])
})
