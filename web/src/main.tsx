/* The door: first the language, then everything that has texts in it. */
import { createRoot } from 'react-dom/client'
import { settleLanguage } from './language/language'

const root = document.getElementById('root')

async function open(at: HTMLElement): Promise<void> {
  await settleLanguage()
  const { App } = await import('./App')
  createRoot(at).render(<App />)
}

if (root) void open(root)
