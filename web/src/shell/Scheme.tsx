/* Light, dark, or as the system is. */
import { t } from '@lingui/core/macro'
import { useMantineColorScheme, type MantineColorScheme } from '@mantine/core'
import { AutoIcon, MoonIcon, SunIcon } from '../ui/icons'
import styles from './Scheme.module.css'

const CHOICES = [
  { value: 'auto', label: t`As the system`, Icon: AutoIcon },
  { value: 'light', label: t`Light`, Icon: SunIcon },
  { value: 'dark', label: t`Dark`, Icon: MoonIcon },
] as const satisfies readonly { value: MantineColorScheme; label: string; Icon: unknown }[]

export function Scheme({ name = 'scheme', words = false }: { name?: string; words?: boolean }) {
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  return (
    <fieldset className={styles.choices}>
      <legend className="hidden-visually">{t`Colour scheme`}</legend>
      {CHOICES.map(({ value, label, Icon }) => (
        <label key={value} className={styles.choice} title={label}>
          <input type="radio" className="hidden-visually" name={name} value={value} checked={colorScheme === value} onChange={() => setColorScheme(value)} />
          <Icon size={14} />
          <span className={words ? undefined : 'hidden-visually'}>{label}</span>
        </label>
      ))}
    </fieldset>
  )
}
