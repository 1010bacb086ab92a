/* From a node of the lineage graph to the page that shows it. Versions are found by the name and number in their title. Pure. */
import type { GraphNode } from '../api/types'

const VERSION = /^(.+) v(\d+)$/

/** The route of a node's page; null where no page shows such a thing. */
export function placeOf(node: Pick<GraphNode, 'node_id' | 'kind' | 'title'>): string | null {
  const version = VERSION.exec(node.title)
  const id = encodeURIComponent(node.node_id)
  switch (node.kind) {
    case 'dataset version':
      return version ? `/datasets/${encodeURIComponent(version[1] ?? '')}/versions/${version[2]}` : null
    case 'model version':
      return version ? `/models/${encodeURIComponent(version[1] ?? '')}/versions/${version[2]}` : null
    case 'prompt version':
      return version ? `/prompts/${encodeURIComponent(version[1] ?? '')}` : null
    case 'dataset':
      return `/datasets/${encodeURIComponent(node.title)}`
    case 'model':
      return `/models/${encodeURIComponent(node.title)}`
    case 'endpoint':
      return `/endpoints/${encodeURIComponent(node.title)}`
    case 'run':
      return `/runs/${id}`
    case 'release':
      return `/releases/${id}`
    case 'rollout':
      return `/rollouts/${id}`
    case 'experiment':
      return node.node_id.startsWith('har_') ? `/harness-runs/${id}` : `/experiments/${id}`
    case 'optimisation':
      return `/optimizations/${id}`
    case 'choice':
      return `/choices/${id}`
    case 'trace':
      return `/traces/${id}`
    default:
      return null
  }
}
