/* Destinations that spans are sent on to: how far each is, what it refused, and what waits. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { problemOf } from '../api/problem'
import type { Forward } from '../api/types'
import { count, percent } from '../format/numbers'
import { sh } from '../format/shell'
import { useMay } from '../governance/queries'
import { SETTINGS_TABS } from '../governance/tabs'
import { Confirm } from '../ui/Confirm'
import { DataTable } from '../ui/DataTable'
import { More } from '../ui/More'
import { Page } from '../ui/Page'
import { Empty } from '../ui/states'
import { Status, Tag } from '../ui/Status'
import { When } from '../ui/When'
import { ForwardForm } from './ForwardForm'
import { forwardsQuery, usePauseForward, useRemoveForward, useTestForward } from './queries'

const LEAVES = { off: t`no content leaves`, masked: t`content leaves masked`, on: t`all content leaves` }

export function Forwards() {
  const forwards = useInfiniteQuery(forwardsQuery)
  const may = useMay('traces.govern')
  return (
    <Page title={t`Forwards`} lead={t`What is stored here can go on to other tools that take OpenTelemetry: at least once, and again by itself where a destination was away.`} actions={may && <ForwardForm />} command="treadle forward list" python="client.forwards.list_()" tabs={SETTINGS_TABS}>
      <More query={forwards} counted={(num) => plural(num, { one: '# destination', other: '# destinations' })} empty={<Empty title={t`Spans stay here`} command="treadle forward add honeycomb https://api.honeycomb.io --header x-honeycomb-team=KEY">{t`A destination gets every span from then on, or those that match, with as much of their content as you say.`}</Empty>}>
        {(rows) => (
          <DataTable
            caption={t`Destinations`}
            rows={rows}
            rowKey={(forward) => forward.name}
            columns={[
              { head: t`State`, cell: (forward) => <Status state={forward.state === 'sending' ? 'ok' : forward.state === 'failing' ? 'failed' : 'paused'} word={forward.state === 'sending' ? t`Sending` : forward.state === 'failing' ? t`Failing` : t`Paused`} /> },
              { head: t`Name`, cell: (forward) => forward.name },
              { head: t`Where`, cell: (forward) => <><span className="untrusted">{forward.url}</span> {forward.private && <Tag>{t`private address`}</Tag>}<div className="dim">{[LEAVES[forward.capture], forward.share < 1 && t`${percent(forward.share, 0)} of traces`, forward.q && t`those that match ${forward.q}`].filter(Boolean).join(', ')}</div></>, wide: true },
              { head: t`Sent`, cell: (forward) => <>{count(forward.sent)}<div className="dim"><When at={forward.last_sent_at} /></div></>, numeric: true },
              { head: t`Waiting`, cell: (forward) => <>{count(forward.waiting)}{forward.waiting_since != null && <div className="dim"><Trans>since <When at={forward.waiting_since} /></Trans></div>}</>, numeric: true },
              { head: t`Lost`, cell: (forward) => (forward.refused + forward.given_up === 0 ? <span className="dim">{t`none`}</span> : <>{t`${count(forward.refused)} refused`}<div>{t`${count(forward.given_up)} given up`}</div></>), numeric: true },
              { head: t`Last trouble`, cell: (forward) => (forward.error ? <><span className="untrusted">{forward.error}</span> <span className="dim"><When at={forward.error_at} /></span></> : <span className="dim">{t`none`}</span>), wide: true },
              ...(may ? [{ head: t`Do`, cell: (forward: Forward) => <Deeds forward={forward} /> }] : []),
            ]}
          />
        )}
      </More>
    </Page>
  )
}

function Deeds({ forward: { name, state } }: { forward: Forward }) {
  const pause = usePauseForward(name)
  const test = useTestForward(name)
  const remove = useRemoveForward(name)
  return (
    <div className="stack-tight" style={{ minWidth: '13rem' }}>
      <div className="row">
        <Button size="compact-xs" variant="default" loading={test.isPending} onClick={() => test.mutate()}><Trans>Test<span className="hidden-visually"> {name}</span></Trans></Button>
        <Button size="compact-xs" variant="default" loading={pause.isPending} onClick={() => pause.mutate(state !== 'paused')}>{state === 'paused' ? t`Go on` : t`Pause`}<span className="hidden-visually"> {name}</span></Button>
        <Confirm title={t`Forget ${name}?`} words={t`Its headers and what waits for it are forgotten, too. What it has taken stays there.`} command={sh`treadle forward remove ${name}`} confirm={t`Forget it`} danger run={() => remove.mutateAsync()}>
          {(open) => <Button size="compact-xs" variant="subtle" onClick={open}><Trans>Forget<span className="hidden-visually"> {name}</span></Trans></Button>}
        </Confirm>
      </div>
      <div role="status">
        {test.data && <><Status state={test.data.is_working ? 'ok' : 'failed'} word={test.data.is_working ? t`It works` : t`It does not work`} /> {test.data.error && <span className="untrusted">{test.data.error}</span>}</>}
        {(test.error ?? pause.error) && <span className="untrusted">{problemOf(test.error ?? pause.error).detail}</span>}
      </div>
    </div>
  )
}
