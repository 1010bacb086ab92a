/* Requests for online evaluation: rules that judge live answers. */
import { infiniteQueryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, body } from '../api/client'
import { problemOf } from '../api/problem'
import type { Body, Rule } from '../api/types'
import { onTopOf, theirsOf, type When } from '../ui/editing'

export type NewRule = Body<'/api/v1/rules', 'post'>

export const rulesQuery = infiniteQueryOptions({
  queryKey: ['rules'],
  queryFn: ({ pageParam }) => body(api.GET('/api/v1/rules', { params: { query: { cursor: pageParam } } })),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (last) => last.next_cursor ?? undefined,
  refetchInterval: 15_000,
})

/** Makes a rule, or with `name` changes that one. */
export function usePutRule(name?: string) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: ({ wanted, when }: { wanted: NewRule; when: When }) => (name === undefined ? body(api.POST('/api/v1/rules', { body: wanted })) : body(putRule(name, wanted, when))),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['rules'] }),
  })
}

const putRule = (name: string, wanted: NewRule, when: When) => api.PUT('/api/v1/rules/{name}', { params: { path: { name }, header: when }, body: wanted })

/** Switches a rule on or off, and nothing else: what others changed of it meanwhile stays. */
export function useTurnRule({ revision, ...rule }: Rule) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: async (isOn: boolean) => {
      try {
        return await body(putRule(rule.name, statedOf(rule, isOn), onTopOf(revision)))
      } catch (thrown) {
        const theirs = theirsOf(problemOf(thrown))
        if (theirs === null || theirs.revision === null) throw thrown
        return await body(putRule(rule.name, statedOf({ ...rule, ...theirs.now }, isOn), onTopOf(theirs.revision)))
      }
    },
    onSettled: () => requests.invalidateQueries({ queryKey: ['rules'] }),
  })
}

function statedOf({ name, filter, sample_rate, scorer, score, scores_per_day, usd_per_day }: Omit<Rule, 'revision'>, isOn: boolean): NewRule {
  return { name, ...(filter && { filter }), sample_rate: sample_rate ?? 1, scorer, score, scores_per_day: scores_per_day ?? null, usd_per_day: usd_per_day ?? null, is_on: isOn }
}

export function useRemoveRule(name: string) {
  const requests = useQueryClient()
  return useMutation({
    mutationFn: () => body(api.DELETE('/api/v1/rules/{name}', { params: { path: { name } } })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['rules'] }),
  })
}
