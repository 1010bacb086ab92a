/* The pages about models. */
import { t } from '@lingui/core/macro'

export const MODELS_TABS = [
  { label: t`Models`, to: '/models' },
  { label: t`Choices of a model`, to: '/choices' },
] as const
