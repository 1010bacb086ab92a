/* Keeping what a list is filtered by under a name. A view of one's own that has the name is replaced on purpose, and held to what it was. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Checkbox, TextInput } from '@mantine/core'
import { useState } from 'react'
import { Dialog } from '../ui/Dialog'
import { ticked } from '../ui/fieldNames'
import { commandOf, LISTS, searchInWords } from './lists'
import { useKeepView, useOwnView, type Kept } from './queries'

const SHARED = t`Everybody in the project sees it`
const NAMES = { q: t`Filter`, search: t`Filter`, columns: t`Columns`, is_shared: ticked(SHARED) }

/** `name`: of the view that is shown. `kept`: told under which name it is kept. */
export function Keep({ what, name = '', close, kept }: { what: Kept; name?: string; close: () => void; kept?: (name: string) => void }) {
  const [typed, setTyped] = useState(name)
  const [chosen, setChosen] = useState<boolean | null>(null)
  const keeping = useKeepView()
  const wanted = typed.trim()
  const own = useOwnView(wanted, what.subject)
  // Replacing one that is shared does not take it from the others.
  const isShared = chosen ?? own?.is_shared ?? false
  const mine = { ...what, is_shared: isShared }
  return (
    <Dialog
      title={t`Keep what is shown as a view`}
      opened
      close={close}
      confirm={own ? t`Replace it` : t`Keep`}
      disabled={wanted === ''}
      words={wordsOf(what)}
      command={commandOf(wanted || 'NAME', what, isShared)}
      shown={['name']}
      edit={own && { revision: own.revision, of: wanted, was: own, mine, names: NAMES, alone: ['is_shared'], take: close }}
      run={async (when, view = mine) => {
        await keeping.mutateAsync({ name: wanted, view, when })
        kept?.(wanted)
      }}
    >
      {(faults) => (
        <>
          <TextInput label={t`Name`} description={own ? t`You keep a view of this name: it is replaced` : t`Small letters, digits and hyphens`} value={typed} onChange={(event) => setTyped(event.currentTarget.value)} error={faults('name')} data-autofocus />
          <Checkbox label={SHARED} checked={isShared} onChange={(event) => setChosen(event.currentTarget.checked)} />
        </>
      )}
    </Dialog>
  )
}

function wordsOf({ subject, q, search }: Kept) {
  if (subject !== 'trace') return t`Of ${LISTS[subject]?.words ?? subject}, with ${searchInWords(search)}.`
  return q === '' ? t`It keeps the columns; there is no filter.` : <Trans>It keeps <code>{q}</code> and the columns.</Trans>
}
