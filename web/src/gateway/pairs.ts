/* Names with values as people write them, one on each line: 'api-version=2026-01-01'. Pure. */

export function pairsIn(text: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const line of text.split('\n')) {
    const at = line.indexOf('=')
    const name = (at < 0 ? line : line.slice(0, at)).trim()
    if (name !== '') found[name] = at < 0 ? '' : line.slice(at + 1).trim()
  }
  return found
}

export function linesOf(pairs: Readonly<Record<string, string>>): string {
  return Object.entries(pairs).map(([name, value]) => `${name}=${value}`).join('\n')
}
