/* Where the nodes of a lineage graph stand: one column per distance, made-from to the left, made-of-it to the right. Pure. */
import type { Edge, Graph, GraphNode } from '../api/types'

export const CARD = { width: 178, height: 52, gapX: 44, gapY: 12 }
const MOST_IN_A_COLUMN = 7

export type Placed = { node: GraphNode; x: number; y: number }
export type Line = { edge: Edge; path: string }
export type Drawing = { placed: Placed[]; lines: Line[]; width: number; height: number; hidden: number }

/** Lay out at most seven nodes per distance; `hidden` says how many are left to the table. Order within a column is the graph's. */
export function layOut(graph: Graph): Drawing {
  const columns = new Map<number, GraphNode[]>()
  for (const node of graph.nodes) {
    const column = columns.get(node.distance ?? 0) ?? []
    column.push(node)
    columns.set(node.distance ?? 0, column)
  }
  const distances = [...columns.keys()].sort((a, b) => a - b)
  const tallest = Math.max(1, ...[...columns.values()].map((column) => Math.min(column.length, MOST_IN_A_COLUMN)))
  const height = tallest * (CARD.height + CARD.gapY) - CARD.gapY
  const at = new Map<string, Placed>()
  let hidden = 0
  distances.forEach((distance, index) => {
    const column = columns.get(distance) ?? []
    const shown = column.slice(0, MOST_IN_A_COLUMN)
    hidden += column.length - shown.length
    const top = (height - (shown.length * (CARD.height + CARD.gapY) - CARD.gapY)) / 2
    shown.forEach((node, row) => {
      at.set(node.node_id, { node, x: index * (CARD.width + CARD.gapX), y: top + row * (CARD.height + CARD.gapY) })
    })
  })
  const lines = graph.edges.flatMap((edge) => {
    const from = at.get(edge.source_id)
    const to = at.get(edge.target_id)
    return from && to && from !== to ? [{ edge, path: curve(from, to) }] : []
  })
  return { placed: [...at.values()], lines, width: distances.length * (CARD.width + CARD.gapX) - CARD.gapX, height, hidden }
}

/** From the right side of the source to the left side of the target; inside one column, along its right side. */
function curve(from: Placed, to: Placed): string {
  const y1 = from.y + CARD.height / 2
  const y2 = to.y + CARD.height / 2
  const x1 = from.x + CARD.width
  if (from.x === to.x) {
    const bulge = x1 + CARD.gapX * 0.6
    return `M${x1},${y1} C${bulge},${y1} ${bulge},${y2} ${x1},${y2}`
  }
  const forward = to.x > from.x
  const start = forward ? x1 : from.x
  const end = forward ? to.x : to.x + CARD.width
  const middle = (start + end) / 2
  return `M${start},${y1} C${middle},${y1} ${middle},${y2} ${end},${y2}`
}
