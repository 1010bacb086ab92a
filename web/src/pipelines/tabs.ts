/* The pages of what goes by itself. */
import { t } from '@lingui/core/macro'

export const PIPELINES_TABS = [{ label: t`Pipelines`, to: '/pipelines' }, { label: t`Schedules`, to: '/schedules' }] as const
