/* The model version that somebody named, or that there is none. */
import { t } from '@lingui/core/macro'
import { NamedLink } from '../lineage/NamedLink'

export function ModelLink({ modelVersionId }: { modelVersionId: string | null | undefined }) {
  return modelVersionId == null ? <span className="dim">{t`none`}</span> : <NamedLink id={modelVersionId} />
}
