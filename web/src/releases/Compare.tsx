/* Which release to compare with: another of its line, newest first. */
import { t } from '@lingui/core/macro'
import { NativeSelect } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import type { Release } from '../api/types'
import { lineQuery } from './queries'

export function Compare({ release }: { release: Release }) {
  const navigate = useNavigate()
  const { data } = useQuery(lineQuery(release.name))
  const others = data?.items.filter((other) => other.release_id !== release.release_id) ?? []
  if (others.length === 0) return null
  return (
    <NativeSelect
      size="xs"
      aria-label={t`Compare with another version`}
      value=""
      onChange={(event) => void navigate({ to: '/releases/$releaseId/against/$otherId', params: { releaseId: release.release_id, otherId: event.currentTarget.value } })}
      data={[{ value: '', label: t`Compare with…`, disabled: true }, ...others.map((other) => ({ value: other.release_id, label: `v${other.version}` }))]}
    />
  )
}
