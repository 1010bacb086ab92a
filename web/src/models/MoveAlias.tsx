/* Points an alias of a model at a version, in place. Whoever asks for the model by that alias gets it from then on. */
import { t } from '@lingui/core/macro'
import { Autocomplete, Button, NativeSelect } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, body } from '../api/client'
import { sh } from '../format/shell'
import { useMay } from '../governance/queries'
import { Dialog } from '../ui/Dialog'
import type { When } from '../ui/editing'

const NAMES = { version: t`Version` }

export function MoveAlias({ name, aliases, newest, version }: { name: string; aliases: Record<string, number>; newest: number; version?: number }) {
  const may = useMay('models.write')
  const [opened, { open, close }] = useDisclosure(false)
  const [alias, setAlias] = useState(Object.keys(aliases)[0] ?? 'champion')
  const [to, setTo] = useState(version ?? newest)
  const wanted = alias.trim()
  // Where the aliases were when this was opened: what is moved is moved from there.
  const [there, setThere] = useState(aliases)
  const requests = useQueryClient()
  const move = useMutation({
    mutationFn: (when: When) => body(api.PUT('/api/v1/models/{name}/aliases/{alias}', { params: { path: { name, alias: wanted }, header: when }, body: { version: to } })),
    onSuccess: () => requests.invalidateQueries({ queryKey: ['models'] }),
  })
  const take = ({ version: now }: { version: number | undefined }): void => {
    if (now === undefined) return
    setThere({ ...there, [wanted]: now })
    setTo(now)
  }
  if (!may) return null
  const before = there[wanted]
  const begin = (): void => {
    setThere(aliases)
    open()
  }
  return (
    <>
      <Button size="xs" variant="default" onClick={begin}>{t`Move an alias`}</Button>
      <Dialog
        title={t`Move an alias of ${name}`}
        opened={opened}
        close={close}
        confirm={before === undefined ? t`Set it` : t`Move it`}
        disabled={wanted === '' || before === to}
        run={(when) => move.mutateAsync(when)}
        edit={{ revision: before === undefined ? null : String(before), of: wanted, was: { version: before }, mine: { version: to }, names: NAMES, take }}
        shown={['alias']}
        command={sh`treadle model alias ${name} ${wanted || 'ALIAS'} ${String(to)}`}
        words={before === undefined ? t`A new name on a version. Whoever asks for the model by it gets that version.` : before === to ? t`${wanted} points there already.` : t`${wanted} points at v${before} now. Whoever asks for the model by it gets v${to} from then on; releases that name a version stay as they are.`}
      >
        {(faults) => (
          <>
            <Autocomplete label={t`Alias`} description={t`One that is there, or a new name: small letters, digits and hyphens`} data={Object.keys(there)} value={alias} onChange={setAlias} error={faults('alias')} comboboxProps={{ withinPortal: true }} />
            <NativeSelect label={t`Version`} value={String(to)} onChange={(event) => setTo(Number(event.currentTarget.value))} data={Array.from({ length: newest }, (_, at) => ({ value: String(newest - at), label: `v${newest - at}` }))} />
          </>
        )}
      </Dialog>
    </>
  )
}
