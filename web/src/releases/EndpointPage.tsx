/* One endpoint: what it serves, the rollout that moves it or moved it last, all rollouts, and how to call it. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import type { Endpoint } from '../api/types'
import { duration, measure, percent } from '../format/numbers'
import { sh } from '../format/shell'
import { CommandLine } from '../ui/CommandLine'
import { DataTable } from '../ui/DataTable'
import { Facts, type Fact } from '../ui/Facts'
import { More } from '../ui/More'
import { Page, Section } from '../ui/Page'
import { Answer, Empty } from '../ui/states'
import { Took, When } from '../ui/When'
import { WarnIcon } from '../ui/icons'
import styles from './EndpointPage.module.css'
import { RolloutState } from './Attention'
import { Behind } from './Behind'
import { KillSwitch } from './KillSwitch'
import { canBeUndone, endpointQuery, isMoving, rolloutQuery, rolloutsQuery } from './queries'
import { ReleaseLink } from './ReleaseLink'
import { RolloutActions } from './RolloutActions'
import { RolloutEvidence } from './RolloutEvidence'
import { StartRollout } from './StartRollout'
import { Tried } from './Tried'

export function EndpointPage() {
  const { name } = useParams({ from: '/frame/endpoints/$name' })
  const endpoint = useQuery(endpointQuery(name))
  const rollouts = useInfiniteQuery(rolloutsQuery(name))
  const newest = endpoint.data?.rollout_id ?? rollouts.data?.pages[0]?.items[0]?.rollout_id ?? null
  return (
    <Page
      title={name}
      crumbs={[{ label: t`Endpoints`, to: '/endpoints' }]}
      command={sh`treadle endpoint show ${name}`}
      python={`client.endpoints.get(${JSON.stringify(name)})`}
      actions={<div className="row"><Link to="/endpoints/$name/chat" params={{ name }}>{t`Chat with it`}</Link><Link to="/traces" search={{ endpoint: name }}>{t`Traces of this endpoint`}</Link>{endpoint.data && <StartRollout endpoint={endpoint.data} />}{endpoint.data && <KillSwitch name={name} disabled={endpoint.data.disabled ?? null} />}</div>}
    >
      <Answer query={endpoint} what={t`the endpoint`}>
        {(data) => (
          <>
            {data.disabled != null && <p className={styles.off} role="alert"><WarnIcon size={14} /> {t`Switched off, so it answers nothing: ${data.disabled}`}</p>}
            {data.problem && <p className={styles.problem} role="alert"><WarnIcon size={14} /> {data.problem}</p>}
            {data.notice && <p className={styles.problem}><WarnIcon size={14} /> {data.notice}</p>}
            <Facts
              facts={[
                [data.disabled != null ? t`Stands behind it` : t`Serves`, <ReleaseLink key="serves" releaseId={data.stable_release_id} none={t`nothing yet`} />],
                [t`On its way`, data.next_release_id && <ReleaseLink key="next" releaseId={data.next_release_id} />],
                [t`Before that`, <ReleaseLink key="before" releaseId={data.previous_release_id} />],
                [t`Rollout`, data.rollout_id ? t`under way` : t`none under way`],
                [t`Environment`, data.environment],
                ...settingsInWords(data.settings ?? {}),
                [t`Changed`, <When key="changed" at={data.changed_at} />],
                [t`Made`, <When key="made" at={data.created_at} />],
              ]}
            />
            <Section title={t`Releases behind it`}><Behind endpoint={data} /></Section>
            {newest && <NewestRollout rolloutId={newest} endpoint={data} />}
            <Section title={t`All rollouts`}>
              <More
                query={rollouts}
                counted={(num) => plural(num, { one: '# rollout', other: '# rollouts' })}
                empty={<Empty title={t`No rollout yet`} command={sh`treadle rollout start ${name} RELEASE`}>{t`A rollout moves traffic to a new release step by step and takes it back if the evidence says so.`}</Empty>}
              >
                {(rows) => (
                  <DataTable
                    caption={t`Rollouts of ${name}`}
                    rows={rows}
                    rowKey={(rollout) => rollout.rollout_id}
                    columns={[
                      { head: t`Tries`, cell: (rollout) => <Tried rollout={rollout} /> },
                      { head: t`Outcome`, cell: (rollout) => <RolloutState rollout={rollout} /> },
                      { head: t`Why`, cell: (rollout) => rollout.reason ?? rollout.words, wide: true },
                      { head: t`Traffic`, cell: (rollout) => percent(rollout.weight, 0), numeric: true },
                      { head: t`Took`, cell: (rollout) => <Took from={rollout.started_at} to={rollout.ended_at} running={isMoving(rollout)} />, numeric: true },
                      { head: t`Details`, cell: ({ rollout_id }) => <Link to="/rollouts/$rolloutId" params={{ rolloutId: rollout_id }}><Trans>Evidence<span className="hidden-visually"> of rollout {rollout_id}</span></Trans></Link> },
                    ]}
                  />
                )}
              </More>
            </Section>
            <Section title={t`Call it`}>
              <p className="dim">{t`Any OpenAI client works; the endpoint’s name is the model.`}</p>
              <CommandLine
                label={t`Call the endpoint with curl`}
                command={sh`curl ${window.location.origin}/v1/chat/completions -H "Authorization: Bearer $TREADLE_API_KEY" -H "Content-Type: application/json" -d ${JSON.stringify({ model: name, messages: [{ role: 'user', content: 'Hello' }] })}`}
              />
            </Section>
          </>
        )}
      </Answer>
    </Page>
  )
}

const HERE = { allow: t`let through and recorded`, mask: t`masked`, block: t`blocked` }
const STRATEGIES = { weighted: t`by weight`, latency: t`the fastest of late`, least_busy: t`the least busy`, cheapest: t`the cheapest` }

/** How it serves, whichever release stands behind it. */
function settingsInWords({ routing, cache, guard_actions: actions }: NonNullable<Endpoint['settings']>): Fact[] {
  const regions = routing?.regions ?? []
  const picked = [STRATEGIES[routing?.strategy ?? 'weighted'], regions.length > 0 && t`in ${regions.join(', ')}`, routing?.sticky && t`sticky by session`]
  return [
    [t`Picks targets`, picked.filter(Boolean).join(', ')],
    [t`Cache`, !cache?.mode || cache.mode === 'off' ? t`off` : [cache.mode, t`for ${duration(1000 * (cache.ttl_seconds ?? 0))}`, cache.mode === 'semantic' && t`from a similarity of ${measure(cache.threshold)}, ${percent(cache.check_share ?? 0, 0)} of hits checked, off when more than ${percent(cache.max_wrong_rate ?? 0, 0)} are wrong`].filter(Boolean).join(', ')],
    [t`Guards here`, Object.entries(actions ?? {}).map(([guard, action]) => `${guard}: ${HERE[action]}`).join(', ') || t`as the release says`],
  ]
}

function NewestRollout({ rolloutId, endpoint }: { rolloutId: string; endpoint: Endpoint }) {
  const rollout = useQuery(rolloutQuery(rolloutId))
  const stillServes = rollout.data !== undefined && canBeUndone(rollout.data, endpoint)
  return (
    <Section
      title={rollout.data && isMoving(rollout.data) ? t`Rollout under way` : t`Newest rollout`}
      beside={rollout.data && <RolloutActions rollout={rollout.data} stillServes={stillServes} />}
    >
      <Answer query={rollout} what={t`the rollout`}>{(data) => <RolloutEvidence rollout={data} />}</Answer>
    </Section>
  )
}
