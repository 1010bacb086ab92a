/* How the browser application is built: into the Python package, where the server finds it and the wheel ships it. */
import { lingui, linguiTransformerBabelPreset } from '@lingui/vite-plugin'
import babel from '@rolldown/plugin-babel'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  plugins: [
    react(),
    // The English text stays where it is used, so that it is loaded with its page; other languages are one catalogue each.
    babel({ presets: [linguiTransformerBabelPreset({ descriptorFields: 'message' })] }),
    lingui({ failOnCompileError: true }),
  ],
  // Addresses are relative and routes live behind '#', so the server needs one static mount and no rewriting.
  base: './',
  build: {
    outDir: '../src/treadle/server/web',
    emptyOutDir: true,
    target: 'es2022',
    // Everything is a file of our own origin: the content security policy allows nothing else.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // ECharts is one lazy chunk that the first page does not load.
    chunkSizeWarningLimit: 900,
  },
  server: {
    proxy: { '/api': 'http://127.0.0.1:8700', '/healthz': 'http://127.0.0.1:8700' },
  },
  test: { setupFiles: ['src/language/testing.ts'], testTimeout: 60_000 },
})
