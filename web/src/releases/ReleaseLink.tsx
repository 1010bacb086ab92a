/* A release by the name people use, linked to its page. */
import { t } from '@lingui/core/macro'
import { Link } from '@tanstack/react-router'
import { useReleaseName } from './queries'

export function ReleaseLink({ releaseId, none = t`none` }: { releaseId: string | null | undefined; none?: string }) {
  const name = useReleaseName(releaseId)
  if (releaseId == null) return <span className="dim">{none}</span>
  return <Link to="/releases/$releaseId" params={{ releaseId }}>{name ?? releaseId}</Link>
}
