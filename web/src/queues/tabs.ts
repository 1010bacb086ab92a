/* The pages where people are asked. */
import { t } from '@lingui/core/macro'

export const QUEUES_TABS = [{ label: t`Queues`, to: '/queues' }, { label: t`Surveys`, to: '/surveys' }] as const
