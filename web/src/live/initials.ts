/** At most two letters for a name: of its first and its last word. Pure. */
export function initialsOf(name: string): string {
  const words = name.split('@')[0]?.split(/[\s._-]+/).filter((word) => /[\p{L}\p{N}]/u.test(word)) ?? []
  const letters = [words[0], words.length > 1 ? words.at(-1) : undefined].map((word) => (word === undefined ? '' : [...word.replace(/^[^\p{L}\p{N}]+/u, '')][0] ?? ''))
  return letters.join('').toLocaleUpperCase() || '?'
}
