import { expect, test } from 'vitest'
import { aboutOf } from './about'

test.each([
  ['/prompts/support', 'prompt', 'support'],
  ['/datasets/questions/versions/3', 'dataset version', 'questions@3'],
  ['/models/small/versions/12', 'model version', 'small@12'],
  ['/sessions/a%2Fb', 'session', 'a/b'],
  ['/endpoints/support/chat', 'endpoint', 'support'],
  ['/traces/0af7651916cd43dd8448eb211c80319c', 'trace', '0af7651916cd43dd8448eb211c80319c'],
])('%s is about one object', (path, kind, name) => {
  expect(aboutOf(path)).toEqual({ kind, name })
})

test.each(['/', '/prompts', '/prompts/new/write', '/experiments/grid', '/runs/compare', '/traces/a/against/b', '/settings/rules', '/users/ana', '/constructor/x'])('%s is about no one object', (path) => {
  expect(aboutOf(path)).toBeNull()
})
