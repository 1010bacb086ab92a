/* The list of prompts, and where a new one begins. */
import { plural, t } from '@lingui/core/macro'
import { Button, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { withArguments, withOptions } from '../format/shell'
import { useMay } from '../governance/queries'
import { Pointers } from '../ui/Pointers'
import { DataTable } from '../ui/DataTable'
import { Dialog } from '../ui/Dialog'
import { Filters, FilterText } from '../ui/Filter'
import { More } from '../ui/More'
import { Page } from '../ui/Page'
import { Empty } from '../ui/states'
import { When } from '../ui/When'
import { promptsFound } from './queries'
import { PROMPTS_TABS } from './tabs'

export function Prompts() {
  const filter = useSearch({ from: '/frame/prompts' })
  const navigate = useNavigate()
  const prompts = useInfiniteQuery(promptsFound(filter))
  const may = useMay('prompts.write')
  const set = (part: typeof filter): void => void navigate({ to: '/prompts', search: { ...filter, ...part } })
  const filtered = filter.q !== undefined || filter.label !== undefined
  return (
    <Page
      title={t`Prompts`}
      lead={t`What is sent to a model, in versions that never change, with labels that move over them.`}
      actions={may && <NewPrompt />}
      tabs={PROMPTS_TABS}
      command={withOptions('treadle prompt list', { search: filter.q, label: filter.label })}
      python={withArguments('client.prompts.list_', filter)}
    >
      <Filters label={t`Filter prompts`} clear={filtered && <Link to="/prompts" search={{}}>{t`Clear`}</Link>}>
        <FilterText label={t`Name`} value={filter.q ?? ''} onApply={(q) => set({ q: q || undefined })} />
        <FilterText label={t`Label`} placeholder={t`such as production`} value={filter.label ?? ''} onApply={(label) => set({ label: label || undefined })} />
      </Filters>
      <More
        query={prompts}
        counted={(num) => plural(num, { one: '# prompt', other: '# prompts' })}
        empty={filtered ? <Empty title={t`No prompt matches`}><Link to="/prompts" search={{}}>{t`Show all prompts`}</Link></Empty> : <Empty title={t`No prompt yet`} command={'treadle prompt create greeting --text "Hello {{name}}"'}>{t`A prompt frames what people ask before it reaches a model.`}</Empty>}
      >
        {(rows) => (
          <DataTable
            caption={t`Prompts`}
            rows={rows}
            rowKey={(prompt) => prompt.prompt_id}
            columns={[
              { head: t`Name`, cell: ({ name }) => <Link to="/prompts/$name" params={{ name }}>{name}</Link> },
              { head: t`Newest version`, cell: (prompt) => `v${prompt.latest_version}` },
              { head: t`Labels`, cell: (prompt) => <Pointers pointers={prompt.labels} />, wide: true },
              { head: t`Made`, cell: (prompt) => <When at={prompt.created_at} /> },
            ]}
          />
        )}
      </More>
    </Page>
  )
}

const NAME = /^[a-z0-9][a-z0-9._-]{0,79}$/

function NewPrompt() {
  const [opened, { open, close }] = useDisclosure(false)
  const [name, setName] = useState('')
  const navigate = useNavigate()
  const isRight = NAME.test(name)
  return (
    <>
      <Button size="sm" onClick={open}>{t`Write a prompt`}</Button>
      <Dialog title={t`Write a prompt`} opened={opened} close={close} confirm={t`Go on`} disabled={!isRight} run={() => navigate({ to: '/prompts/$name/write', params: { name }, search: { first: 'yes' } })}>
        {() => (
          <TextInput
            label={t`Name`}
            description={t`Small letters, digits, dots, hyphens and underscores`}
            data-autofocus
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={name !== '' && !isRight ? t`It begins with a small letter or a digit, and has at most 80 of a-z, 0-9, ".", "_" and "-"` : undefined}
          />
        )}
      </Dialog>
    </>
  )
}
