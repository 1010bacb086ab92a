/* The look: one accent (woad, the blue of a dyer's vat), green-tinted greys, system fonts. Tones carry meaning and are
   never the only sign of it. Contrast: every text colour reaches 4.5:1 on the surfaces it is used on, in both schemes. */
import { createTheme, localStorageColorSchemeManager, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core'

const woad: MantineColorsTuple = [
  '#eaf5f6', '#d3e8ea', '#a9d1d6', '#7cb9c1', '#55a3ad', '#378f9b', '#1f7985', '#13636e', '#0c4f58', '#073b43',
]
const gray: MantineColorsTuple = [
  '#f4f7f6', '#ecf0ef', '#e1e7e6', '#d2dad8', '#bac5c3', '#94a19f', '#5f6c6a', '#465351', '#2d3837', '#17201f',
]
const dark: MantineColorsTuple = [
  '#dde5e4', '#bcc7c6', '#9aa7a6', '#76837f', '#3b4746', '#2b3635', '#1e2726', '#151c1b', '#0f1514', '#0a0e0e',
]

export const theme = createTheme({
  colors: { woad, gray, dark },
  primaryColor: 'woad',
  primaryShade: { light: 7, dark: 6 },
  autoContrast: true,
  defaultRadius: 'sm',
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", "Cascadia Code", Menlo, Consolas, "DejaVu Sans Mono", monospace',
  fontSizes: { xs: '0.75rem', sm: '0.8125rem', md: '0.875rem', lg: '1rem', xl: '1.25rem' },
  headings: { fontWeight: '620' },
  respectReducedMotion: true,
  cursorType: 'pointer',
  // A dialog's head is no second banner of the page.
  components: { Modal: { defaultProps: { attributes: { header: { role: 'none' } } }, styles: { title: { fontSize: '1.0625rem', fontWeight: 620 } } } },
})

export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-body': '#f7f9f8',
    '--mantine-color-text': '#17201f',
    '--mantine-color-dimmed': '#5a6765',
    '--mantine-color-anchor': '#13636e',
    '--mantine-color-placeholder': '#5f6c6a',
    '--mantine-color-error': '#a3262c',
  },
  dark: {
    '--mantine-color-text': '#dde5e4',
    '--mantine-color-dimmed': '#9aa7a6',
    '--mantine-color-anchor': '#7cb9c1',
    '--mantine-color-placeholder': '#9aa7a6',
    '--mantine-color-error': '#f0908f',
  },
})

/** The key is also read by public/theme.js, before this code has loaded. */
export const schemeManager = localStorageColorSchemeManager({ key: 'treadle-colour-scheme' })
