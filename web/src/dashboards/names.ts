/* Names of charts for addresses: nobody is asked for one. */
const LONGEST = 60
const TRIES = 50

/** What a chart may be called, best first: after its title, or where nothing of that can stand in an address after its figure. */
export function namesOf({ title, signal }: { title: string; signal: { metric?: string | undefined } }): string[] {
  const base = nameOf(title) || nameOf(signal.metric ?? '') || 'chart'
  return Array.from({ length: TRIES }, (_, at) => {
    const end = at === 0 ? '' : `-${at + 1}`
    return base.slice(0, LONGEST - end.length).replace(/-$/, '') + end
  })
}

function nameOf(title: string): string {
  return title.toLowerCase().normalize('NFKD').replace(/\p{M}/gu, '').replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '')
}
