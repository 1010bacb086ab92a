/* What a run made, with the page of each thing, and the lineage around the first of them. */
import { t } from '@lingui/core/macro'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { Run } from '../api/types'
import { Lineage } from '../lineage/Lineage'
import { Facts, type Fact } from '../ui/Facts'
import { Section } from '../ui/Page'

/** Outputs that are nodes of the lineage graph, the most telling first. */
const NODES = ['model_version_id', 'version_id', 'experiment_id', 'rollout_id', 'release_id', 'optimization_id', 'choice_id'] as const

export function Made({ run }: { run: Run }) {
  const text = (key: string): string | null => (typeof run.outputs[key] === 'string' ? run.outputs[key] : null)
  const version = typeof run.outputs['version'] === 'number' ? String(run.outputs['version']) : null
  const [dataset, model, experiment, release, rollout, endpoint, optimization, choice] = [
    text('dataset'), text('model_name'), text('experiment_id'), text('release_id'), text('rollout_id'), text('endpoint'), text('optimization_id'), text('choice_id'),
  ]
  const facts: Fact[] = [
    [t`Dataset`, dataset && version && <Link key="d" to="/datasets/$name/versions/$version" params={{ name: dataset, version }}>{`${dataset} v${version}`}</Link>],
    [t`Model`, model && version && <Link key="m" to="/models/$name/versions/$version" params={{ name: model, version }}>{`${model} v${version}`}</Link>],
    [t`Experiment`, experiment && <Link key="e" to="/experiments/$experimentId" params={{ experimentId: experiment }}>{t`its rows and scores`}</Link>],
    [t`Optimisation`, optimization && <Link key="s" to="/optimizations/$optimizationId" params={{ optimizationId: optimization }}>{t`what it tried and found`}</Link>],
    [t`Choice of a model`, choice && <Link key="c" to="/choices/$choiceId" params={{ choiceId: choice }}>{t`whom it recommends`}</Link>],
    [t`Release`, release && <Link key="r" to="/releases/$releaseId" params={{ releaseId: release }}>{t`its gate and approval`}</Link>],
    [t`Rollout`, rollout && <Link key="o" to="/rollouts/$rolloutId" params={{ rolloutId: rollout }}>{t`its evidence`}</Link>],
    [t`Endpoint`, endpoint && <Link key="p" to="/endpoints/$name" params={{ name: endpoint }}>{endpoint}</Link>],
  ]
  const known = facts.filter((fact): fact is [string, ReactNode] => fact[1] != null)
  if (known.length === 0) return null
  const node = NODES.map(text).find((id) => id !== null)
  return (
    <>
      <Section title={t`What it made`}><Facts facts={known} /></Section>
      {node != null && <Lineage nodeId={node} />}
    </>
  )
}
