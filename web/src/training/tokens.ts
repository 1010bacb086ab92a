/* Tokens for the eye. Pure. */

/** A token's characters so that white space can be seen: '·' for a space, '↵' for a line break. */
export function visible(text: string): string {
  if (text === '') return '∅'
  return text.replaceAll(' ', '·').replaceAll('\n', '↵').replaceAll('\t', '→')
}
