import { expect, test } from 'vitest'
import { calledBy, inPercent, oneOf, ticked } from './fieldNames'

test('a field is called as its form calls it', () => {
  const names = { 'rule.above': 'Above', fields: 'Question', 'fields.*.name': 'Name', headers: 'Headers', share: inPercent('Sessions asked'), kind: oneOf('Speaks', [{ value: 'azure', label: 'Azure' }]), is_on: ticked('It is on') }

  expect(['rule.above', 'fields.2.name', 'fields.2.help', 'headers.x-team', 'rule.kind'].map((field) => calledBy(names, field).label)).toEqual(['Above', 'Question 2: Name', 'Question 2: help', 'Headers: x-team', null])
  expect(['0.07', '1'].map(calledBy(names, 'share').said)).toEqual(['7 %', '100 %'])
  expect([calledBy(names, 'kind').said('azure'), calledBy(names, 'kind').said('other'), calledBy(names, 'is_on').said('false')]).toEqual(['Azure', 'other', 'no'])
})
