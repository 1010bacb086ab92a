/* The pages of alerts. */
import { t } from '@lingui/core/macro'

export const ALERTS_TABS = [{ label: t`Alerts`, to: '/alerts' }, { label: t`Drift`, to: '/drift' }, { label: t`Abuse`, to: '/abuse' }, { label: t`Channels`, to: '/channels' }] as const
