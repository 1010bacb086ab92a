/* Online evaluation: rules that judge live answers as they come, what they judged, and what it cost. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { problemOf } from '../api/problem'
import type { Rule } from '../api/types'
import { count, percent, usd } from '../format/numbers'
import { sh } from '../format/shell'
import { useMay } from '../governance/queries'
import { SETTINGS_TABS } from '../governance/tabs'
import { Confirm } from '../ui/Confirm'
import { DataTable } from '../ui/DataTable'
import { More } from '../ui/More'
import { Page } from '../ui/Page'
import { Empty } from '../ui/states'
import { Status } from '../ui/Status'
import { rulesQuery, useRemoveRule, useTurnRule } from './queries'
import { RuleForm } from './RuleForm'

export function Rules() {
  const rules = useInfiniteQuery(rulesQuery)
  const may = useMay('monitors.write')
  return (
    <Page title={t`Online evaluation`} lead={t`Rules judge a share of live answers as they come. Their scores stand on traces, in charts, and monitors can watch them.`} actions={may && <RuleForm />} command="treadle rule list" python="client.rules.list_()" tabs={SETTINGS_TABS}>
      <More query={rules} counted={(num) => plural(num, { one: '# rule', other: '# rules' })} empty={<Empty title={t`No live answer is judged yet`} command="treadle rule set valid-json --scorer json_valid --score json_valid --endpoint support">{t`A rule says which answers, by which scorer, how many of them, and what that may cost a day.`}</Empty>}>
        {(rows) => (
          <DataTable
            caption={t`Rules`}
            rows={rows}
            rowKey={(rule) => rule.rule_id}
            columns={[
              { head: t`State`, cell: (rule) => (rule.is_on === false ? <Status state="off" /> : rule.words ? <Status state="held" word={t`Held up`} /> : <Status state="ok" word={t`Judges`} />) },
              { head: t`Name`, cell: (rule) => rule.name },
              { head: t`Judges by`, cell: (rule) => <><code>{rule.scorer.name}</code> <span className="dim">{t`as ${rule.score}`}</span></> },
              { head: t`Which answers`, cell: (rule) => <span className="untrusted">{which(rule)}</span>, wide: true },
              { head: t`Today`, cell: (rule) => <>{count(rule.scores_today)}{rule.scores_per_day != null && t` of ${count(rule.scores_per_day)}`}<div className="dim">{usd(rule.usd_today)}{rule.usd_per_day != null && t` of ${usd(rule.usd_per_day)}`}</div></>, numeric: true },
              { head: t`In all`, cell: (rule) => <>{count(rule.scores_total)}<div className="dim">{usd(rule.usd_total)}</div></>, numeric: true },
              { head: t`What holds it up`, cell: (rule) => <span className="untrusted">{rule.words}</span>, wide: true },
              ...(may ? [{ head: t`Change`, cell: (rule: Rule) => <div className="row"><RuleForm rule={rule} /><Turn rule={rule} /><Remove name={rule.name} /></div> }] : []),
            ]}
          />
        )}
      </More>
    </Page>
  )
}

function which({ filter, sample_rate: share }: Rule): string {
  const of = [filter?.endpoint && t`endpoint ${filter.endpoint}`, filter?.release_id && t`release ${filter.release_id}`, filter?.q].filter(Boolean).join(', ') || t`every answer`
  return share !== undefined && share < 1 ? t`${percent(share, share < 0.01 ? 2 : 0)} of ${of}` : of
}

function Turn({ rule }: { rule: Rule }) {
  const turn = useTurnRule(rule)
  const isOn = rule.is_on !== false
  return (
    <>
      <Button size="compact-xs" variant="default" loading={turn.isPending} onClick={() => turn.mutate(!isOn)}>
        {isOn ? t`Switch off` : t`Switch on`}<span className="hidden-visually"> {rule.name}</span>
      </Button>
      {turn.error && <p role="alert" className="untrusted">{problemOf(turn.error).detail}</p>}
    </>
  )
}

function Remove({ name }: { name: string }) {
  const remove = useRemoveRule(name)
  return (
    <Confirm title={t`Remove ${name}?`} words={t`It judges nothing any more. The scores that it gave stay.`} command={sh`treadle rule remove ${name}`} confirm={t`Remove it`} danger run={() => remove.mutateAsync()}>
      {(open) => <Button size="compact-xs" variant="subtle" onClick={open}><Trans>Remove<span className="hidden-visually"> {name}</span></Trans></Button>}
    </Confirm>
  )
}
