/* The application: theme, requests, routes. */
import { MantineProvider } from '@mantine/core'
import '@mantine/core/styles.css'
import { QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { makeRequests } from './api/requests'
import { router } from './router'
import { cssVariables, schemeManager, theme } from './shell/theme'
import './styles.css'

const requests = makeRequests(() => {
  const here = router.state.location
  if (here.pathname !== '/sign-in') void router.navigate({ to: '/sign-in', search: { next: here.href } })
})

export function App() {
  return (
    <StrictMode>
      <MantineProvider theme={theme} cssVariablesResolver={cssVariables} colorSchemeManager={schemeManager} defaultColorScheme="auto">
        <QueryClientProvider client={requests}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      </MantineProvider>
    </StrictMode>
  )
}
