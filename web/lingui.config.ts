/* Message catalogues: `npm run texts` collects every text of the sources into src/locales. English is the source itself. */
import { defineConfig } from '@lingui/conf'
import { formatter } from '@lingui/format-po'

export default defineConfig({
  sourceLocale: 'en',
  locales: ['en', 'de'],
  catalogs: [{ path: '<rootDir>/src/locales/{locale}', include: ['<rootDir>/src'], exclude: ['**/*.test.*', '**/schema.d.ts'] }],
  // Ours treat what people wrote as text.
  runtimeConfigModule: { Trans: ['/src/language/Trans', 'Trans'], i18n: ['/src/language/i18n', 'i18n'] },
  format: formatter({ lineNumbers: false }),
  // By text, not by file: whoever moves a component touches no catalogue.
  orderBy: 'message',
})
