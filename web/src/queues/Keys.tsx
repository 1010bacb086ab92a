/* What the keys do, and the switch that turns single keys off for those whom they get in the way of: speech input, for one. */
import { t } from '@lingui/core/macro'
import { Modal, Switch } from '@mantine/core'
import styles from './Judge.module.css'

const KEYS: [keys: string[], does: string][] = [
  [['1', '…', '9'], t`Answer the marked question`],
  [['←', '→'], t`Go along its choices`],
  [['↑', '↓'], t`Go to another question`],
  [['Enter'], t`Send and go on to the next item`],
  [['u'], t`Take back the last judgement or skip`],
  [['s'], t`Skip: leave it to others`],
  [['c'], t`Write a comment`],
  [['Shift', 'Enter'], t`A new line while writing`],
  [['Esc'], t`Leave the field one writes in`],
  [['?'], t`This help`],
]

export function Keys({ opened, close, single, setSingle }: { opened: boolean; close: () => void; single: boolean; setSingle: (on: boolean) => void }) {
  return (
    <Modal opened={opened} onClose={close} title={t`Keyboard`} centered closeButtonProps={{ 'aria-label': t`Close` }}>
      <div className="stack-tight">
        <dl className={styles.keys}>
          {KEYS.map(([keys, does]) => (
            <div key={does} style={{ display: 'contents' }}>
              <dt>{keys.map((key) => <kbd key={key}>{key}</kbd>)}</dt>
              <dd>{does}</dd>
            </div>
          ))}
        </dl>
        <Switch label={t`Single keys: digits and letters work without a modifier`} checked={single} onChange={(event) => setSingle(event.currentTarget.checked)} />
      </div>
    </Modal>
  )
}
