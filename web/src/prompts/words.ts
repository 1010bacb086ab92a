/* What holds of labels and safety evaluations, in words. Pure. */
import { t } from '@lingui/core/macro'
import type { LabelPolicy, Safety } from '../api/types'
import { percent } from '../format/numbers'
import { i18n } from '../language/i18n'

type Policy = Pick<LabelPolicy, 'roles' | 'needs_safety' | 'safety_packs' | 'safety_least_held' | 'safety_endpoints'>

export function policyInWords(policy: Policy | undefined): string {
  const who = policy?.roles == null ? t`whoever may publish moves it` : policy.roles.length === 0 ? t`nobody moves it` : t`moved by ${policy.roles.join(t` or `)} only`
  return policy?.needs_safety ? `${safetyInWords(policy)}; ${who}` : who.charAt(0).toUpperCase() + who.slice(1)
}

/** "A safety evaluation in which at least 95.0 % of injection and leakage held, each, asked through support". */
function safetyInWords({ safety_packs: packs, safety_least_held: least, safety_endpoints: endpoints }: Policy): string {
  const which = listed(packs, 'conjunction')
  const held = least === 1 ? t`A safety evaluation in which every attempt of ${which} held` : t`A safety evaluation in which at least ${percent(least)} of the attempts of ${which} held`
  return endpoints == null || endpoints.length === 0 ? held : t`${held}, asked through ${listed(endpoints, 'disjunction')}`
}

const listed = (names: readonly string[], type: Intl.ListFormatType): string => new Intl.ListFormat(i18n.locale, { type }).format(names)

/** "injection 100.0 %, leakage not judged": the share that held by pack. */
export function packsInWords(safety: Pick<Safety, 'packs'>): string {
  return Object.entries(safety.packs).map(([pack, held]) => `${pack} ${held === null ? t`not judged` : percent(held)}`).join(', ')
}
