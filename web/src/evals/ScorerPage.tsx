/* One scorer: what its score means, what it can be told, how far a judge agrees with people, and trying it on a text. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import type { Calibration, Scorer } from '../api/types'
import { count, measure, percent, usd } from '../format/numbers'
import { sh } from '../format/shell'
import { CommandLine } from '../ui/CommandLine'
import { DataTable } from '../ui/DataTable'
import { Facts } from '../ui/Facts'
import { Page, Section } from '../ui/Page'
import { Answer, Empty } from '../ui/states'
import { Json, Value } from '../ui/text'
import { When } from '../ui/When'
import { Believed } from './Believed'
import { calibrationsQuery, scorersQuery } from './queries'
import { isJudge } from './Scorers'
import { TryScorer } from './TryScorer'
import { rangeInWords } from './words'

const PLACES: Record<Scorer['place'], string> = { server: t`in the server, as rows come`, worker: t`in a process of its own, at the end`, gateway: t`by a model, through an endpoint` }

export function ScorerPage() {
  const { name } = useParams({ from: '/frame/scorers/$name' })
  const scorers = useQuery(scorersQuery)
  const scorer = scorers.data?.find((one) => one.name === name)
  return (
    <Page
      title={name.replaceAll('_', ' ')}
      crumbs={[{ label: t`Scorers`, to: '/scorers' }]}
      lead={scorer?.summary}
      command={scorer && isJudge(scorer) ? sh`treadle judge try ${name}` + ' --input TEXT --output TEXT' : 'treadle eval scorers'}
      python={`client.judges.score(NewCase(input="…", output="…"), [ScorerChoice(name=${JSON.stringify(name)})])`}
    >
      <Answer query={scorers} what={t`the scorer`}>
        {() => (scorer === undefined ? <Empty title={t`There is no scorer “${name}”`}><Link to="/scorers">{t`See those that there are`}</Link></Empty> : <ScorerView scorer={scorer} />)}
      </Answer>
    </Page>
  )
}

function ScorerView({ scorer }: { scorer: Scorer }) {
  const parameters = Object.entries(scorer.parameters)
  return (
    <>
      <Facts
        facts={[
          [t`Range`, rangeInWords(scorer)],
          [t`Unit`, scorer.unit === 'share' ? t`share, shown in percent` : scorer.unit],
          [t`Needs`, scorer.needs.length > 0 ? scorer.needs.join(', ') : t`nothing beside the answer`],
          [t`Judges`, PLACES[scorer.place]],
          [t`Figure of an experiment`, scorer.is_corpus_metric ? t`of all rows together` : t`mean of the rows`],
          [t`Cost`, scorer.cost],
        ]}
      />
      <Section title={t`What it can be told`}>
        {parameters.length === 0 ? (
          <p className="dim">{t`It takes no parameters.`}</p>
        ) : (
          <DataTable
            caption={t`Parameters of ${scorer.name}`}
            rows={parameters}
            rowKey={([name]) => name}
            maxHeight="22rem"
            columns={[
              { head: t`Parameter`, cell: ([name]) => <code>{name}</code> },
              { head: t`Must be given`, cell: ([name]) => (scorer.required.includes(name) ? t`yes` : <span className="dim">{t`no`}</span>) },
              { head: t`Meaning`, cell: ([, meaning]) => meaning, wide: true },
            ]}
          />
        )}
      </Section>
      {isJudge(scorer) && <Calibrations scorer={scorer} />}
      <TryScorer key={scorer.name} scorer={scorer} />
    </>
  )
}

function Calibrations({ scorer }: { scorer: Scorer }) {
  const calibrations = useInfiniteQuery(calibrationsQuery)
  const mine = calibrations.data?.pages.flatMap((page) => page.items).filter((one) => one.scorer.name === scorer.name)
  return (
    <Section title={t`Against people`} beside={mine && <Believed calibration={mine[0]} />}>
      {mine === undefined ? (
        <p className="dim">{calibrations.error ? t`How far it was measured cannot be read.` : t`Loading…`}</p>
      ) : mine.length === 0 ? (
        <Empty title={t`It is uncalibrated: nobody has measured it against people`} command={sh`treadle judge calibrate ${scorer.name}` + ' --queue QUEUE --field QUESTION'}>
          {t`Its scores are what a model says, and pages say so beside them. Twenty answers that people have judged, in a queue or a dataset, are enough to begin with.`}
        </Empty>
      ) : (
        mine.slice(0, 3).map((one) => <Measured key={one.calibration_id} calibration={one} />)
      )}
      {calibrations.hasNextPage && <p className="dim"><Trans>Older calibrations are listed by <code>treadle judge list</code>.</Trans></p>}
    </Section>
  )
}

type Line = { what: string; value: string; means: string }

function Measured({ calibration: one }: { calibration: Calibration }) {
  return (
    <>
      <p>{one.words}</p>
      <p className="dim">
        <Trans>Measured <When at={one.created_at} /> on {count(one.rows)} answers from {one.source}, as <Value value={one.scorer.parameters} />, for {usd(one.cost_usd)}. <Link to="/runs/$runId" params={{ runId: one.run_id }}>Its run</Link></Trans>
      </p>
      <DataTable
        caption={t`Calibration ${one.calibration_id}`}
        rows={linesOf(one)}
        rowKey={({ what }) => what}
        columns={[{ head: t`Measured`, cell: ({ what }) => what }, { head: t`Value (95 % interval)`, cell: ({ value }) => value, numeric: true }, { head: t`How to read it`, cell: ({ means }) => means, wide: true }]}
      />
      {one.method !== null && <details><summary>{t`The ${one.method} map from scores to probabilities`}</summary><Json value={one.points} label={t`map`} /></details>}
      <div><CommandLine command={sh`treadle judge show ${one.calibration_id}`} /></div>
    </>
  )
}

type Share = { value: number; low: number; high: number }
const share = (one: Share | null | undefined): string => (one == null ? t`not defined` : t`${percent(one.value)} (${percent(one.low)} to ${percent(one.high)})`)
const agreeing = (one: { value: number | null; low: number | null; high: number | null }): string => (one.value === null ? t`not defined` : `${measure(one.value)}${one.low === null ? '' : ` ${t`(${measure(one.low)} to ${measure(one.high)})`}`}`)

export function linesOf(one: Calibration): Line[] {
  return [
    { what: t`Agreement`, value: share(one.agreement), means: t`share on which it and people call the answer good, or bad` },
    { what: t`Cohen's kappa`, value: agreeing(one.kappa), means: t`1 is perfect agreement, 0 what chance gives` },
    { what: t`Krippendorff's alpha`, value: agreeing(one.alpha), means: t`the same of scores as numbers` },
    { what: t`Finds the good`, value: share(one.sensitivity), means: t`of what people call good` },
    { what: t`Finds the bad`, value: share(one.specificity), means: t`of what people call bad` },
    { what: t`Called good by people, by it`, value: `${share(one.human_good)}, ${share(one.judge_good)}`, means: t`far apart means that it is too kind, or too strict` },
    { what: t`Length bias`, value: `${measure(one.length_bias.correlation)}, p ${measure(one.length_bias.p_value)}`, means: t`positive likes long answers more than people do` },
    ...(one.position_bias ? [{ what: t`Same verdict in both places`, value: share(one.position_bias.consistent), means: t`of pairs; 100 % is best` }, { what: t`Prefers what is shown first`, value: share(one.position_bias.first_preferred), means: t`50 % is best` }] : []),
    { what: t`Calibration error, before and after`, value: `${measure(one.before.ece)}, ${one.after ? measure(one.after.ece) : t`not fitted`}`, means: t`how far its scores are from how often people call such answers good; less is better` },
  ]
}
