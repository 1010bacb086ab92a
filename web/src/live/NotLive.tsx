/* Says that changes are not told at the moment, once that has lasted a while. */
import { t } from '@lingui/core/macro'
import { useEffect, useState } from 'react'
import { WarnIcon } from '../ui/icons'
import { useLiveness } from './liveness'
import styles from './NotLive.module.css'

const A_WHILE_MS = 2500

export function NotLive() {
  const { state } = useLiveness()
  const isOff = state === 'off'
  const [isLong, setLong] = useState(false)
  useEffect(() => {
    if (!isOff) return undefined
    const timer = window.setTimeout(() => setLong(true), A_WHILE_MS)
    return () => {
      window.clearTimeout(timer)
      setLong(false)
    }
  }, [isOff])
  return (
    <p className={styles.line} role="status">
      {isOff && isLong && <><WarnIcon size={14} /> <span title={t`Changes are not told at the moment; pages ask by themselves every few seconds.`}>{t`Not live`}</span></>}
    </p>
  )
}
