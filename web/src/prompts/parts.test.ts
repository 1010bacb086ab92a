import { expect, test } from 'vitest'
import type { PromptVersion } from '../api/types'
import { partsOf } from './parts'

const version = (more: Partial<PromptVersion>): PromptVersion => ({
  prompt_version_id: 'prv_1', prompt_name: 'greeting', version: 1, messages: [{ role: 'user', template: 'Hello {{name}}' }], variables: ['name'], message: '', digest: 'sha256:', created_at: '2026-01-01T00:00:00Z', kind: 'chat', engine: 'mustache', ...more,
})

test('messages are laid beside each other by their place, and one that one of them lacks is not there', () => {
  const parts = partsOf(version({}), version({ messages: [{ role: 'system', template: 'Be kind' }, { role: 'user', template: 'Hello' }] }))

  expect(parts[0]).toEqual({ title: 'Message 1 (user, now system)', before: 'Hello {{name}}', after: 'Be kind' })
  expect(parts[1]).toEqual({ title: 'Message 2 (user)', before: null, after: 'Hello' })
})

test('what is sent besides is compared too, and what neither has is left out', () => {
  const parts = partsOf(version({}), version({ config: { temperature: 0.2 }, includes: [{ name: 'tone', version: 2, prompt_version_id: 'prv_2' }] }))

  expect(parts.map(({ title }) => title)).toEqual(['Message 1 (user)', 'Kind and language', 'Parameters', 'Includes'])
  expect(parts[2]?.after).toBe('{\n  "temperature": 0.2\n}')
})
