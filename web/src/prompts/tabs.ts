/* The pages about prompts. */
import { t } from '@lingui/core/macro'

export const PROMPTS_TABS = [
  { label: t`Prompts`, to: '/prompts' },
  { label: t`Optimisations`, to: '/optimizations' },
] as const
