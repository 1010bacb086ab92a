/* Commands to copy into a shell. What comes from addresses and people is one word there, whatever it says. Pure. */

/** A template for commands: every value that is put in becomes one quoted word. */
export function sh(texts: TemplateStringsArray, ...values: (string | number)[]): string {
  return texts.reduce((command, text, index) => command + wordOf(String(values[index - 1])) + text)
}

/** A command with an option for each value that there is. */
export function withOptions(command: string, options: Readonly<Record<string, string | undefined>>): string {
  return [command, ...Object.entries(options).flatMap(([name, value]) => (value === undefined ? [] : [`--${name} ${wordOf(value)}`]))].join(' ')
}

/** A call from Python with an argument for each value that there is. */
export function withArguments(call: string, values: Readonly<Record<string, string | undefined>>): string {
  return `${call}(${Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${JSON.stringify(value)}`])).join(', ')})`
}

function wordOf(value: string): string {
  return /^[\w./:@%+,][\w./:@%+=,-]*$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`
}
