/* Keeping what a column asks as a version of a prompt, with its endpoint and fields. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Autocomplete, Button, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { useMay } from '../governance/queries'
import { promptsQuery } from '../prompts/queries'
import { Dialog } from '../ui/Dialog'
import { parametersOf, triedOf, type Column } from './board'
import { useSaveCell } from './queries'

export function SaveColumn({ column, disabled }: { column: Column; disabled: boolean }) {
  const [opened, { open, close }] = useDisclosure(false)
  const [name, setName] = useState('')
  const [message, setMessage] = useState('')
  const may = useMay('prompts.write')
  const prompts = useInfiniteQuery({ ...promptsQuery, enabled: opened })
  const save = useSaveCell()
  const begin = (): void => {
    setName(column.prompt)
    open()
  }
  if (!may) return null
  return (
    <>
      <Button size="compact-xs" variant="default" disabled={disabled} onClick={begin}>{t`Save`}</Button>
      <Dialog
        title={t`Save the column as a version`}
        opened={opened}
        close={close}
        confirm={t`Save it`}
        disabled={name.trim() === ''}
        run={() => save.mutateAsync({ name: name.trim(), prompt: triedOf(column), endpoint: column.endpoint, parameters: parametersOf(column), message: message.trim() })}
        words={t`The version keeps the endpoint and the fields beside what it says.`}
        shown={['name', 'message']}
        stays
        done={save.data && <p><Trans>It is <Link to="/prompts/$name" params={{ name: save.data.prompt_name }} search={{ version: String(save.data.version) }} onClick={close}>{save.data.prompt_name} v{save.data.version}</Link>.</Trans></p>}
      >
        {(faults) => (
          <>
            <Autocomplete label={t`Prompt`} description={t`One that is there, or a new name`} data={prompts.data?.pages.flatMap((page) => page.items.map((prompt) => prompt.name)) ?? []} value={name} onChange={setName} error={faults('name')} comboboxProps={{ withinPortal: true }} />
            <TextInput label={t`Why, as in a commit`} value={message} onChange={(event) => setMessage(event.currentTarget.value)} error={faults('message')} maxLength={500} />
          </>
        )}
      </Dialog>
    </>
  )
}
