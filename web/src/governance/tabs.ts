/* The pages of access, and of one's own settings and the project's. */
import { t } from '@lingui/core/macro'

export const ACCESS_TABS = [{ label: t`People and programs`, to: '/access' }, { label: t`Roles`, to: '/access/roles' }, { label: t`Keys`, to: '/access/keys' }] as const

export const SETTINGS_TABS = [
  { label: t`You`, to: '/settings' },
  { label: t`Online evaluation`, to: '/settings/rules' },
  { label: t`Forwards`, to: '/settings/forwards' },
  { label: t`What is kept`, to: '/settings/keeping' },
  { label: t`Approvals`, to: '/settings/approvals' },
  { label: t`Secrets`, to: '/settings/secrets' },
] as const
