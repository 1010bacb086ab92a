/* Which channels a monitor tells: all of them to tick while they fit on a page; of more, those that are chosen, and a way to any other. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Checkbox } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { channelsFound, channelsQuery } from '../channels/queries'
import { byName, NamePick } from '../ui/NamePick'

type TellsProps = { names: readonly string[]; set: (names: string[]) => void; leave: () => void }

export function Tells({ names, set, leave }: TellsProps) {
  const { data, hasNextPage } = useInfiniteQuery(channelsQuery)
  const isLong = hasNextPage || (data?.pages.length ?? 0) > 1
  // What was ticked once stays to be ticked again.
  const [offered, setOffered] = useState<readonly string[]>([])
  const all = isLong || data === undefined ? names : [...data.pages.flatMap((page) => page.items.map(({ name }) => name)), ...names]
  const fresh = all.filter((name) => !offered.includes(name))
  if (fresh.length > 0) setOffered([...new Set([...offered, ...fresh])])
  return (
    <>
      <Checkbox.Group label={t`Tells`} value={[...names]} onChange={set}>
        {data !== undefined && !isLong && offered.length === 0 ? <p className="dim"><Trans>No channel yet: alerts stand on their page. <Link to="/channels" onClick={leave}>Make a channel</Link></Trans></p> : <div className="row">{offered.map((name) => <Checkbox key={name} value={name} label={name} />)}</div>}
      </Checkbox.Group>
      {isLong && <Another but={offered} take={(name) => set([...names, name])} />}
    </>
  )
}

/** Empty again for the next one as soon as one was taken. */
function Another({ but, take }: { but: readonly string[]; take: (name: string) => void }) {
  const [taken, setTaken] = useState('')
  useEffect(() => setTaken(''), [taken])
  return (
    <NamePick
      label={t`Another channel`}
      none={t`Look for one by its name`}
      found={channelsFound}
      choiceOf={(channel) => (but.includes(channel.name) && channel.name !== taken ? null : byName(channel))}
      value={taken}
      onChange={(name) => {
        if (name === '') return
        setTaken(name)
        take(name)
      }}
    />
  )
}
