/* Where the loop stands in a project that has not gone around it in one turn: the newest of each station, or the step that makes the
   first. */
import { plural, t } from '@lingui/core/macro'
import { useInfiniteQuery } from '@tanstack/react-query'
import { datasetsQuery } from '../data/queries'
import { count } from '../format/numbers'
import { modelsQuery } from '../models/queries'
import { promptsQuery } from '../prompts/queries'
import { endpointsQuery, releasesQuery } from '../releases/queries'
import { newestFeedbackQuery } from './queries'
import { Wheel, type Step } from './Wheel'

type Named = { name: string; created_at: string; latest_version?: number | null }

export function Standing({ requests }: { requests: number | null }) {
  const dataset = newest(useInfiniteQuery(datasetsQuery).data)
  const prompt = newest(useInfiniteQuery(promptsQuery).data)
  const model = newest(useInfiniteQuery(modelsQuery).data)
  const release = useInfiniteQuery(releasesQuery).data?.pages[0]?.items[0]
  const endpoints = useInfiniteQuery(endpointsQuery).data?.pages.flatMap((page) => page.items)
  const feedback = useInfiniteQuery(newestFeedbackQuery).data?.pages[0]
  const serving = endpoints?.filter((endpoint) => endpoint.stable_release_id !== null).length ?? 0
  const steps: Step[] = [
    station('dataset', t`Dataset`, dataset && `${dataset.name}${version(dataset)}`, dataset && `/datasets/${encodeURIComponent(dataset.name)}`, t`none yet: import a file, or curate traffic`, '/datasets'),
    station('prompt', t`Prompt`, prompt && `${prompt.name}${version(prompt)}`, prompt && `/prompts/${encodeURIComponent(prompt.name)}`, t`none yet: write the first`, '/prompts'),
    station('model', t`Model`, model && `${model.name}${version(model)}`, model && `/models/${encodeURIComponent(model.name)}`, t`none yet: register or train one`, '/models'),
    station('release', t`Release`, release && (release.approval ? `${release.name} v${release.version}` : t`${release.name} v${release.version}, not approved`), release && `/releases/${release.release_id}`, t`none yet: bundle a model and a prompt`, '/releases'),
    station('endpoint', t`Endpoint`, serving > 0 ? plural(serving, { one: '# endpoint serves', other: '# endpoints serve' }) : undefined, '/endpoints', endpoints?.length ? t`none serves yet` : t`none yet: the name that applications call`, '/endpoints'),
    station('traffic', t`Traffic`, requests ? t`${plural(requests, { one: '# request', other: '# requests' })} in the last day` : undefined, '/traces', t`none in the last day`, '/traces'),
    station('feedback', t`Feedback`, feedback?.items.length ? (feedback.next_cursor != null ? t`more than ${count(feedback.items.length)} said` : t`${count(feedback.items.length)} said`) : undefined, '/queues', t`none yet: ask people in a queue`, '/queues'),
    station('back', t`Back to data`, undefined, undefined, t`the next dataset: corrected answers become its rows`, '/datasets'),
  ]
  return (
    <Wheel steps={steps} running={false}>
      <p>{t`Where the loop stands here. Each station leads to the next; corrected answers are where a new turn begins.`}</p>
    </Wheel>
  )
}

function station(key: string, title: string, words: string | undefined, href: string | undefined, missing: string, start: string): Step {
  return { key, title, state: words === undefined ? 'pending' : 'succeeded', words: words ?? missing, took: null, href: words === undefined ? start : (href ?? start), progress: null }
}

const version = ({ latest_version: at }: Named): string => (at == null ? '' : ` v${at}`)

/** The one that was made last; of a long list, of its first page. */
function newest(data: { pages: { items: Named[] }[] } | undefined): Named | undefined {
  return data?.pages.flatMap((page) => page.items).reduce<Named | undefined>((best, one) => (best === undefined || one.created_at > best.created_at ? one : best), undefined)
}
