/* Requests for choices of a model. */
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { api, body } from '../api/client'
import { whileBusy } from '../api/requests'
import { isGoing } from '../jobs/queries'

export const choicesQuery = infiniteQueryOptions({
  queryKey: ['choices', 'found'],
  queryFn: ({ pageParam }) => body(api.GET('/api/v1/choices', { params: { query: { cursor: pageParam } } })),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (last) => last.next_cursor ?? undefined,
  refetchInterval: whileBusy((data) => data.pages[0]?.items.some(isGoing) ?? false, 3000),
})

export const choiceQuery = (choiceId: string) =>
  queryOptions({
    queryKey: ['choices', choiceId],
    queryFn: () => body(api.GET('/api/v1/choices/{choice_id}', { params: { path: { choice_id: choiceId } } })),
    refetchInterval: whileBusy(isGoing),
  })
