/* Which engines can serve a version, from what it holds: the same rule by which the server lays it out for one. Pure. */
import { t } from '@lingui/core/macro'
import type { ModelVersion } from '../api/types'

export type ForEngine = { engine: string; reads: string; sizeBytes: number; precision: string | null; agreement: number | null; rows: number; serves: boolean }

export function enginesOf(version: Pick<ModelVersion, 'files' | 'facts'>): ForEngine[] {
  const files = version.files ?? []
  const facts = version.facts ?? {}
  const below = (prefix: string): number => files.filter(({ path }) => path.startsWith(prefix)).reduce((sum, { size_bytes }) => sum + size_bytes, 0)
  const gguf = files.find(({ path }) => path === 'model.gguf')
  const stated = record(facts['engine'])['kind']
  const compared = record(facts['comparison'])
  const agreement = compared['argmax_agreement']
  const found: ForEngine[] = []
  if (gguf) {
    found.push({
      engine: 'llama.cpp', reads: 'model.gguf', sizeBytes: gguf.size_bytes, precision: typeof facts['precision'] === 'string' ? facts['precision'] : null,
      agreement: typeof agreement === 'number' ? agreement : null, rows: typeof compared['rows_count'] === 'number' ? compared['rows_count'] : 0, serves: !(stated === 'vllm' && below('weights/') > 0),
    })
  }
  if (below('weights/') > 0) found.push({ engine: 'vLLM, transformers', reads: 'weights/', sizeBytes: below('weights/'), precision: null, agreement: null, rows: 0, serves: gguf === undefined || stated === 'vllm' })
  if (below('adapter/') > 0) found.push({ engine: t`vLLM, on its base`, reads: 'adapter/', sizeBytes: below('adapter/'), precision: null, agreement: null, rows: 0, serves: found.length === 0 })
  return found
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
