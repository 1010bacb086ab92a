/* What a thing was made from and what was made from it: a picture to follow with the eye, a table to read. */
import { plural, t } from '@lingui/core/macro'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import type { Graph, GraphNode } from '../api/types'
import { DataTable } from '../ui/DataTable'
import { Section } from '../ui/Page'
import { Answer, Empty } from '../ui/states'
import { CARD, layOut } from './layout'
import styles from './Lineage.module.css'
import { placeOf } from './places'
import { lineageQuery, traceLineageQuery } from './queries'

/** `of` says which address knows the graph: a trace's own adds what answered it. */
export function Lineage({ nodeId, title = t`Lineage`, of = 'node' }: { nodeId: string; title?: string; of?: 'node' | 'trace' }) {
  const graph = useQuery(of === 'trace' ? traceLineageQuery(nodeId) : lineageQuery(nodeId))
  const [asTable, setAsTable] = useState(false)
  return (
    <Section
      title={title}
      beside={<button type="button" className={styles.switch} aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
          {asTable ? t`Show picture` : t`Show table`}
          <span className="hidden-visually"> {t`of the lineage`}</span>
        </button>}
    >
      <Answer query={graph} what={t`lineage`}>
        {(data) =>
          data === null || data.nodes.length < 2 ? (
            <Empty title={t`Nothing is joined to this yet`} />
          ) : (
            <>
              {asTable ? <Edges graph={data} /> : <Picture graph={data} />}
              <MoreTraces graph={data} />
            </>
          )
        }
      </Answer>
    </Section>
  )
}

function MoreTraces({ graph }: { graph: Graph }) {
  return graph.nodes
    .filter((node) => (node.num_more_traces ?? 0) > 0)
    .map((node) => (
      <p key={node.node_id} className="dim">
        {t`… and ${plural(node.num_more_traces ?? 0, { one: '# more trace', other: '# more traces' })} went into ${node.kind} ${node.title}.`}
      </p>
    ))
}

function Picture({ graph }: { graph: Graph }) {
  const drawing = layOut(graph)
  const frame = useRef<HTMLDivElement>(null)
  const here = drawing.placed.find(({ node }) => node.node_id === graph.node_id)?.x
  useEffect(() => {
    if (frame.current && here !== undefined) frame.current.scrollLeft = here - frame.current.clientWidth / 2 + CARD.width / 2
  }, [here])
  return (
    <>
      <div ref={frame} className={styles.frame} tabIndex={0} role="region" aria-label={t`Lineage, from what it was made from to what came of it`}>
        <div className={styles.canvas} style={{ width: drawing.width, height: drawing.height }}>
          <svg width={drawing.width} height={drawing.height} aria-hidden="true" className={styles.lines}>
            {drawing.lines.map(({ edge, path }) => (
              <path key={`${edge.source_id} ${edge.target_id} ${edge.relation}`} d={path} />
            ))}
          </svg>
          <ul className={styles.nodes}>
            {drawing.placed.map(({ node, x, y }) => (
              <li key={node.node_id} style={{ left: x, top: y, width: CARD.width, height: CARD.height }}>
                <NodeCard node={node} here={node.node_id === graph.node_id} />
              </li>
            ))}
          </ul>
        </div>
      </div>
      {(drawing.hidden > 0 || graph.is_complete === false) && (
        <p className="dim">
          {drawing.hidden > 0 && t`${plural(drawing.hidden, { one: '# more thing is', other: '# more things are' })} in the table. `}
          {graph.is_complete === false && t`The walk stopped at its limit: there is more than is shown.`}
        </p>
      )}
    </>
  )
}

function NodeCard({ node, here }: { node: GraphNode; here: boolean }) {
  const place = placeOf(node)
  const inside = (
    <>
      <span className={styles.kind}>{node.kind}</span>
      <span className={styles.title} title={node.title}>{node.title}</span>
    </>
  )
  if (here || place === null) return <div className={styles.node} data-here={here || undefined} aria-current={here || undefined}>{inside}</div>
  return <Link to={place} className={styles.node}>{inside}</Link>
}

function Edges({ graph }: { graph: Graph }) {
  const nodes = new Map(graph.nodes.map((node) => [node.node_id, node]))
  const name = (id: string) => {
    const node = nodes.get(id)
    if (!node) return <code>{id}</code>
    const place = placeOf(node)
    const words = `${node.kind} ${node.title}`
    return place === null ? words : <Link to={place}>{words}</Link>
  }
  return (
    <DataTable
      caption={t`Lineage: what was made into what`}
      columns={[
        { head: t`From`, cell: (edge) => name(edge.source_id) },
        { head: t`How`, cell: (edge) => edge.relation },
        { head: t`To`, cell: (edge) => name(edge.target_id) },
        { head: t`By run`, cell: (edge) => (edge.run_id ? <Link to="/runs/$runId" params={{ runId: edge.run_id }}>{edge.run_id.slice(0, 14)}…</Link> : t`a person`) },
      ]}
      rows={graph.edges}
      rowKey={(edge) => `${edge.source_id} ${edge.target_id} ${edge.relation}`}
      maxHeight="28rem"
    />
  )
}
