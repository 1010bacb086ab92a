/* The list of queues. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { count } from '../format/numbers'
import { withArguments, withOptions } from '../format/shell'
import { useMay } from '../governance/queries'
import { DataTable } from '../ui/DataTable'
import { Filters, FilterText } from '../ui/Filter'
import { More } from '../ui/More'
import { Page } from '../ui/Page'
import { Empty } from '../ui/states'
import { When } from '../ui/When'
import { asked } from './answers'
import { Progress } from './Progress'
import { queuesFound } from './queries'
import { QueueForm } from './QueueForm'
import { QUEUES_TABS } from './tabs'

export function Queues() {
  const filter = useSearch({ from: '/frame/queues' })
  const navigate = useNavigate()
  const queues = useInfiniteQuery(queuesFound(filter))
  const may = useMay('queues.write')
  return (
    <Page
      title={t`Queues`}
      lead={t`Answers that wait for people to judge them. What they say becomes scores, and rows of the next dataset.`}
      actions={may && <QueueForm />}
      command={withOptions('treadle queue list', { search: filter.q })}
      python={withArguments('client.queues.list_', filter)}
      tabs={QUEUES_TABS}
    >
      <Filters label={t`Filter queues`} clear={filter.q !== undefined && <Link to="/queues" search={{}}>{t`Clear`}</Link>}>
        <FilterText label={t`Name`} value={filter.q ?? ''} onApply={(q) => void navigate({ to: '/queues', search: { q: q || undefined } })} />
      </Filters>
      <More
        query={queues}
        counted={(num) => plural(num, { one: '# queue', other: '# queues' })}
        empty={filter.q !== undefined ? <Empty title={t`No queue matches`}><Link to="/queues" search={{}}>{t`Show all queues`}</Link></Empty> : <Empty title={t`No queue yet`} command="treadle queue create triage --field correct:boolean --field 'better:correction?'">
            {t`A queue asks people about answers: a number, yes or no, a category, words, or what the answer should have been.`}
          </Empty>}
      >
        {(rows) => (
          <DataTable
            caption={t`Queues`}
            rows={rows}
            rowKey={(queue) => queue.queue_id}
            columns={[
              { head: t`Name`, cell: ({ name }) => <Link to="/queues/$name" params={{ name }}>{name}</Link> },
              { head: t`What it is for`, cell: (queue) => queue.description || <span className="dim">{t`not described`}</span>, wide: true },
              { head: t`Asks for`, cell: (queue) => asked(queue).map(({ name }) => name).join(', ') },
              { head: t`Judges per item`, cell: (queue) => count(queue.judges_per_item), numeric: true },
              { head: t`Progress`, cell: (queue) => <Progress queue={queue} /> },
              { head: t`Made`, cell: (queue) => <When at={queue.created_at} /> },
              { head: t`Work`, cell: ({ name }) => <Link to="/queues/$name/judge" params={{ name }}><Trans>Judge<span className="hidden-visually"> in {name}</span></Trans></Link> },
            ]}
          />
        )}
      </More>
    </Page>
  )
}
