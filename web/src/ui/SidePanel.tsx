/* A panel beside the page, over it, with a name and a way to close it. */
import { t } from '@lingui/core/macro'
import { Drawer } from '@mantine/core'
import type { ReactNode } from 'react'

export function SidePanel({ title, opened, close, children }: { title: string; opened: boolean; close: () => void; children: ReactNode }) {
  return (
    <Drawer.Root opened={opened} onClose={close} position="right" size="md">
      <Drawer.Overlay />
      <Drawer.Content>
        {/* A header of the panel and not of the application. */}
        <Drawer.Header role="presentation">
          <Drawer.Title>{title}</Drawer.Title>
          <Drawer.CloseButton aria-label={t`Close`} />
        </Drawer.Header>
        <Drawer.Body>{children}</Drawer.Body>
      </Drawer.Content>
    </Drawer.Root>
  )
}
