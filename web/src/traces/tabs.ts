/* The pages of traces. */
import { t } from '@lingui/core/macro'

export const TRACES_TABS = [{ label: t`Traces`, to: '/traces' }, { label: t`Saved views`, to: '/views' }] as const
