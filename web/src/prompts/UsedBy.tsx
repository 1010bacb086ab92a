/* What was made with a version: releases and the endpoints behind them, experiments, prompts that include it. Lineage knows. */
import { t } from '@lingui/core/macro'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Graph, PromptVersion } from '../api/types'
import { lineageQuery } from '../lineage/queries'
import { placeOf } from '../lineage/places'
import { DataTable } from '../ui/DataTable'
import { Answer, Empty } from '../ui/states'

export function UsedBy({ version }: { version: PromptVersion }) {
  const graph = useQuery(lineageQuery(version.prompt_version_id))
  return (
    <Answer query={graph} what={t`who uses it`}>
      {(data) => {
        const users = usersOf(data, version.prompt_version_id)
        if (users.length === 0) return <Empty title={t`Nothing uses version ${version.version} yet`}>{t`A release pins the version it is made with; an experiment and a prompt that includes it are told here too.`}</Empty>
        return (
          <DataTable
            caption={t`What uses version ${version.version}`}
            rows={users}
            rowKey={({ node }) => node.node_id}
            maxHeight="18rem"
            columns={[
              { head: t`Kind`, cell: ({ node }) => node.kind },
              { head: t`What`, cell: ({ node }) => { const place = placeOf(node); return place === null ? node.title : <Link to={place}>{node.title}</Link> }, wide: true },
              { head: t`How`, cell: ({ how }) => how },
            ]}
          />
        )
      }}
    </Answer>
  )
}

type User = { node: Graph['nodes'][number]; how: string }

/** What came of a node, nearest first, with how it was joined. */
export function usersOf(graph: Graph | null, nodeId: string): User[] {
  if (graph === null) return []
  return graph.nodes
    .filter(({ node_id, kind, distance }) => node_id !== nodeId && (distance ?? 0) > 0 && kind !== 'trace')
    .sort((one, other) => (one.distance ?? 0) - (other.distance ?? 0))
    .map((node) => ({ node, how: graph.edges.find((edge) => edge.target_id === node.node_id)?.relation ?? '' }))
}
