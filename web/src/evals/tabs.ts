/* The pages about experiments. */
import { t } from '@lingui/core/macro'

export const EXPERIMENTS_TABS = [
  { label: t`Experiments`, to: '/experiments' },
  { label: t`Harness runs`, to: '/harness-runs' },
] as const
