/* Which measure of bias the rows of an experiment are made for, by what they say of themselves. Pure. */

export type BiasForm = 'counterfactuals' | 'bbq' | 'crows_pairs'

export function biasFormOf(metadata: Readonly<Record<string, unknown>> | undefined): BiasForm | null {
  if (metadata === undefined) return null
  if ('bias_set' in metadata) return 'counterfactuals'
  return (['bbq', 'crows_pairs'] as const).find((form) => form in metadata) ?? null
}
