/* What can be done with answers: put them before people to judge, or make rows of a dataset of them. */
import { plural, t } from '@lingui/core/macro'
import { Button } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { useMay } from '../governance/queries'
import { AddToQueue, CompareInQueue } from '../queues/AddToQueue'
import { AddToDataset } from './AddToDataset'

export function ActOn({ traceIds }: { traceIds: readonly string[] }) {
  const mayQueue = useMay('queues.write')
  const mayCurate = useMay('data.write')
  const [one, other] = traceIds
  return (
    <>
      {one !== undefined && other !== undefined && traceIds.length === 2 && <Button size="xs" variant="default" renderRoot={(props) => <Link to="/traces/$traceId/against/$otherId" params={{ traceId: one, otherId: other }} {...props} />}>{t`Compare`}</Button>}
      {mayQueue && one !== undefined && other !== undefined && traceIds.length === 2 && <CompareInQueue traceId={one} otherId={other} />}
      {mayQueue && <AddToQueue traceIds={traceIds} />}
      {mayCurate && <AddToDataset of={{ trace_ids: [...traceIds] }} what={plural(traceIds.length, { one: '# answer', other: '# answers' })} />}
    </>
  )
}
