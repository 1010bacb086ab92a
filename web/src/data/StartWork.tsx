/* Starts work on a version from its page, follows it to its end, and shows what it made. */
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { problemOf } from '../api/problem'
import type { Run } from '../api/types'
import { useMay } from '../governance/queries'
import { Follow } from '../jobs/Follow'
import { useFollowed } from '../jobs/useFollowed'
import { Empty, ProblemState } from '../ui/states'

type StartWorkProps = { title: string; words: string; command: string; button: string; start: () => Promise<Run> }

/** Where there is nothing yet: what it would be, how to make it, and the making. */
export function StartWork({ title, words, command, button, start }: StartWorkProps) {
  const may = useMay('data.write')
  const requests = useQueryClient()
  const followed = useFollowed((run) => {
    void requests.invalidateQueries({ queryKey: ['datasets'] })
    if (run.status === 'succeeded') setMade(run)
  })
  const [made, setMade] = useState<Run | null>(null)
  const { dataset, version } = made?.outputs ?? {}
  const begin = useMutation({ mutationFn: start, onSuccess: followed.follow })
  return (
    <div className="stack-tight">
      <Empty title={title} command={command}>{words}</Empty>
      {may && !followed.isGoing && <div><Button size="xs" loading={begin.isPending} onClick={() => begin.mutate()}>{button}</Button></div>}
      {begin.error && <ProblemState problem={problemOf(begin.error)} deed />}
      <Follow run={followed.run} />
      {typeof dataset === 'string' && <p role="status"><Trans>Done: <Link to="/datasets/$name/versions/$version" params={{ name: dataset, version: String(version) }}>{dataset} v{String(version)}</Link>.</Trans></p>}
    </div>
  )
}
