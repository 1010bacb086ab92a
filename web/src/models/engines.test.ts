/* What each engine reads of a version. */
import { expect, test } from 'vitest'
import { enginesOf } from './engines'

const file = (path: string, size_bytes: number) => ({ path, size_bytes, digest: 'sha256:0' })
const files = [file('model.gguf', 40), file('weights/model.safetensors', 80), file('weights/config.json', 1)]

test('a GGUF is what llama.cpp serves, with how far it agrees with the weights; the weights are there for others', () => {
  const found = enginesOf({ files, facts: { precision: 'f16', comparison: { argmax_agreement: 0.99, rows_count: 24 } } })

  expect(found.map(({ engine, sizeBytes, serves }) => [engine, sizeBytes, serves])).toEqual([['llama.cpp', 40, true], ['vLLM, transformers', 81, false]])
  expect(found[0]).toMatchObject({ precision: 'f16', agreement: 0.99, rows: 24 })
})

test('a version that asks for vLLM is served from its weights', () => {
  expect(enginesOf({ files, facts: { engine: { kind: 'vllm' } } }).map(({ serves }) => serves)).toEqual([false, true])
})

test('a pointer to a provider has no engine of ours', () => {
  expect(enginesOf({ files: [], facts: {} })).toEqual([])
})
