/* The catalogues hold what the sources say: English all of it and nothing else, every other language with the same figures and elements in
   each text. `npm run texts` puts them in order. */
import { getCatalogs } from '@lingui/cli/api'
import { getConfig } from '@lingui/conf'
import { compileMessageOrThrow, type CompiledMessage } from '@lingui/message-utils/compileMessage'
import { expect, test } from 'vitest'
import { LANGUAGES } from './languages'

const config = getConfig()
const [catalogue] = await getCatalogs(config)
if (catalogue === undefined) throw new Error('lingui.config.ts names no catalogue')
const english = (await catalogue.read('en')) ?? {}
const others = config.locales.filter((locale) => locale !== 'en')

test('the languages on offer are those that there are catalogues of', () => {
  expect(Object.keys(LANGUAGES)).toEqual(config.locales)
})

test('the English catalogue holds every text of the sources and no other', { timeout: 120_000 }, async () => {
  const used = await catalogue.collect()

  expect(Object.keys(used ?? {}).sort()).toEqual(Object.keys(english).sort())
})

test.each(others)('what is said in %s has the figures and elements of the English', async (locale) => {
  const said = (await catalogue.read(locale)) ?? {}
  const broken = Object.entries(said).flatMap(([id, { translation, message }]) => {
    const source = english[id]?.message ?? message ?? ''
    return translation && partsOf(translation).join() !== partsOf(source).join() ? [`${source} -> ${translation}`] : []
  })

  expect(broken).toEqual([])
})

test.each(others)('the catalogue of %s has a place for every text', async (locale) => {
  const said = (await catalogue.read(locale)) ?? {}

  expect(Object.keys(said).sort()).toEqual(Object.keys(english).sort())
})

/** The names of the figures in a message and the numbers of its elements, each once. */
function partsOf(message: string): string[] {
  const elements = [...message.matchAll(/<\/?(\w+)\/?>/g)].map(([tag]) => tag)
  return [...new Set([...figuresOf(compileMessageOrThrow(message)), ...elements])].sort()
}

function figuresOf(tokens: CompiledMessage): string[] {
  return tokens.flatMap((token) => {
    if (typeof token === 'string') return []
    const [name, , cases] = token
    const inner = typeof cases === 'object' && cases !== null ? Object.values(cases).filter(Array.isArray) : []
    return [name, ...inner.flatMap((one) => figuresOf(one as CompiledMessage))]
  })
}
