/* What can judge: what each scorer means, what it needs, and how far the judges among them can be believed. */
import { plural, t } from '@lingui/core/macro'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Calibration, Scorer } from '../api/types'
import { DataTable } from '../ui/DataTable'
import { Page, Section } from '../ui/Page'
import { Answer } from '../ui/states'
import { calibrationsQuery, scorersQuery } from './queries'
import { Believed } from './Believed'
import { rangeInWords } from './words'

export function Scorers() {
  const scorers = useQuery(scorersQuery)
  const calibrations = useInfiniteQuery(calibrationsQuery)
  const measured = calibrations.data?.pages.flatMap((page) => page.items) ?? []
  return (
    <Page title={t`Scorers`} lead={t`What judges an output and gives a score. A judge is a scorer that is itself a model: it is believed as far as it was measured against people.`} command="treadle eval scorers" python="client.experiments.list_scorers()">
      <Answer query={scorers} what={t`scorers`}>
        {(found) => (
          <>
            <Section title={t({ message: 'Judges', context: 'who judge' })} beside={<span className="dim">{t`${plural(found.filter(isJudge).length, { one: '# judge', other: '# judges' })}, each asks a model`}</span>}>
              <List caption={t`Scorers that ask a model`} rows={found.filter(isJudge)} measured={measured} />
            </Section>
            <Section title={t`Computed`} beside={<span className="dim">{t`${plural(found.filter((one) => !isJudge(one)).length, { one: '# scorer', other: '# scorers' })}, the same answer every time`}</span>}>
              <List caption={t`Scorers that compute`} rows={found.filter((one) => !isJudge(one))} />
            </Section>
          </>
        )}
      </Answer>
    </Page>
  )
}

export const isJudge = (scorer: Scorer): boolean => scorer.place === 'gateway'

function List({ caption, rows, measured }: { caption: string; rows: Scorer[]; measured?: Calibration[] }) {
  return (
    <DataTable
      caption={caption}
      rows={rows}
      rowKey={({ name }) => name}
      columns={[
        { head: t`Scorer`, cell: ({ name }) => <Link to="/scorers/$name" params={{ name }}>{name.replaceAll('_', ' ')}</Link> },
        { head: t`What a score means`, cell: ({ summary }) => summary, wide: true },
        { head: t`Range`, cell: rangeInWords },
        { head: t`Needs`, cell: ({ needs }) => (needs.length > 0 ? needs.join(', ') : <span className="dim">{t`nothing`}</span>) },
        ...(measured ? [{ head: t`Against people`, cell: ({ name }: Scorer) => <Believed calibration={measured.find(({ scorer }) => scorer.name === name)} /> }] : [{ head: t`Cost`, cell: ({ cost }: Scorer) => cost }]),
      ]}
    />
  )
}
