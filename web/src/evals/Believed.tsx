/* How far a judge can be believed, in a word and its agreement with people. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import type { Calibration } from '../api/types'
import { percent } from '../format/numbers'
import { Tag } from '../ui/Status'

export function Believed({ calibration }: { calibration: Calibration | undefined }) {
  if (calibration === undefined) return <Tag tone="warn">{t`uncalibrated`}</Tag>
  const { agreement, rows } = calibration
  return <span className="nowrap"><Trans><Tag tone="live">{calibration.method === null ? t`measured` : t`calibrated`}</Tag> agrees {percent(agreement.value, 0)} on {rows}</Trans></span>
}
