/* Requests of the playground beside the stream: what asking would cost, and keeping what was asked. */
import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, body } from '../api/client'
import type { Body } from '../api/types'
import type { Tried } from './board'

/** What asking all rows once is for a model; the server fills them in. */
export const triedPreviewQuery = (prompt: Tried, model: string, rows: Record<string, string>[]) =>
  queryOptions({
    queryKey: ['playground', 'preview', prompt, model, rows],
    queryFn: () => body(api.POST('/api/v1/playground/preview', { body: { prompt, models: [model], rows, output_tokens: 256 } })),
    staleTime: 10 * 60_000,
  })

export function useSaveCell() {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: (saved: Body<'/api/v1/playground/versions', 'post'>) => body(api.POST('/api/v1/playground/versions', { body: saved })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['prompts'] }),
  })
}

/** The first rows of a dataset's newest version. */
export const rowsOf = (name: string, part: 'train' | 'validation' | 'test' | undefined, text: string, limit: number) =>
  body(api.GET('/api/v1/datasets/{name}/versions/{version}/examples', { params: { path: { name, version: 'latest' }, query: { part, text: text || undefined, limit } } }))
