import { expect, test } from 'vitest'
import { i18n } from './i18n'

test('what fills a text stays as it was written', () => {
  const said = 'caf\\u00e9 \\x41 {0} <0>bold</0> \\n'

  expect(i18n._({ id: 'x', message: 'It said {said}.', values: { said } })).toBe(`It said ${said}.`)
})
