/* The name that is being typed behind an '@', and putting a whole one in its place. Pure. */

export type Typing = { start: number; end: number; said: string }

/** Null where the caret is behind no '@', or behind one that stands within a word. */
export function typingAt(text: string, caret: number): Typing | null {
  const before = text.slice(0, caret)
  const found = /(?:^|[^\w@/.\\])@(?:"([^"\n]{0,80})|([\w.+-]{0,80}))$/.exec(before)
  if (found === null) return null
  const said = found[1] ?? found[2] ?? ''
  return { start: before.lastIndexOf('@', caret - said.length), end: caret, said }
}

/** The text with the mention in it and a space behind, and where the caret then is. */
export function put(text: string, typing: Typing, mention: string): { text: string; caret: number } {
  const rest = text.slice(typing.end).replace(/^"/, '')
  const until = `${text.slice(0, typing.start)}${mention} `
  return { text: until + rest.replace(/^ /, ''), caret: until.length }
}
