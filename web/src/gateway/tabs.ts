/* The pages of the gateway. */
import { t } from '@lingui/core/macro'

export const GATEWAY_TABS = [
  { label: t`Routes`, to: '/gateway' },
  { label: t`Keys`, to: '/gateway/keys' },
  { label: t`Limits`, to: '/gateway/limits' },
  { label: t`Providers`, to: '/gateway/providers' },
  { label: t`Health`, to: '/gateway/health' },
  { label: t`Cache`, to: '/gateway/cache' },
  { label: t`Batches`, to: '/gateway/batches' },
] as const
