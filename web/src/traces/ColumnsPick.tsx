/* Which columns a list has: boxes behind a button. What is chosen stands in the address and can be kept with a view. */
import { t } from '@lingui/core/macro'
import { Button, Checkbox, Popover } from '@mantine/core'
import { COLUMNS, USUAL } from './columns'

export function ColumnsPick({ chosen, choose }: { chosen: readonly string[]; choose: (names: string[] | undefined) => void }) {
  return (
    <Popover position="bottom-end" withinPortal trapFocus>
      <Popover.Target>
        <Button size="xs" variant="default">{t`Columns`}</Button>
      </Popover.Target>
      <Popover.Dropdown aria-label={t`Columns`}>
        <div className="stack-tight">
          {Object.entries(COLUMNS).map(([name, { head }]) => (
            <Checkbox
              key={name}
              size="xs"
              label={head}
              checked={chosen.includes(name)}
              // In the order of the table, wherever one began; the last one stays.
              onChange={() => {
                const next = Object.keys(COLUMNS).filter((one) => (one === name ? !chosen.includes(name) : chosen.includes(one)))
                if (next.length > 0) choose(next.join() === USUAL.join() ? undefined : next)
              }}
            />
          ))}
          <Button size="compact-xs" variant="subtle" onClick={() => choose(undefined)}>{t`The usual ones`}</Button>
        </div>
      </Popover.Dropdown>
    </Popover>
  )
}
