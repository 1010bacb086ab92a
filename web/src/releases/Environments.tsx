/* Environments: what a release needs before it serves in production, staging and the like, and who is there. */
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Checkbox, MultiSelect, NumberInput, TagsInput, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { api, body } from '../api/client'
import type { Body, Environment } from '../api/types'
import { sh } from '../format/shell'
import { rolesQuery, useMay } from '../governance/queries'
import { SETTINGS_TABS } from '../governance/tabs'
import { DataTable } from '../ui/DataTable'
import { Dialog } from '../ui/Dialog'
import { ticked } from '../ui/fieldNames'
import { useFormPlace } from '../ui/FormPlace'
import type { When as Held } from '../ui/editing'
import { Page } from '../ui/Page'
import { Snippet } from '../ui/Snippet'
import { Answer, Empty } from '../ui/states'
import { When } from '../ui/When'
import { environmentsQuery } from './queries'

type Policy = Body<'/api/v1/environments/{name}', 'put'>
type Form = { name: string; approvals: number; roles: string[]; author: boolean; programs: boolean; gates: string[]; days: number | string }

const NAMES = {
  approvals: t`Approvals`, roles: t`Only by these roles`, author_may_approve: ticked(t`Who bundled the release may approve it`),
  programs_may_approve: ticked(t`Programs may approve, in the name of who answers for them`), gates: t`Gates that must have passed`, expires_days: t`Days that an approval counts`,
}
/** What others changed of these meanwhile stays; all else belongs together. */
const ALONE = ['approvals', 'roles', 'author_may_approve', 'programs_may_approve', 'gates', 'expires_days'] as const

export function Environments() {
  const environments = useQuery(environmentsQuery)
  const may = useMay('releases.govern')
  return (
    <Page title={t`Approvals`} lead={t`What a release needs before it begins to serve in an environment. An endpoint is in production unless it says otherwise.`} command="treadle environment list" python="client.environments.list_()" actions={may && <PolicyForm />} tabs={SETTINGS_TABS}>
      <Answer query={environments} what={t`the environments`}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty title={t`No environment yet`} command="treadle environment set production --approvals 2 --not-author">{t`Until somebody says otherwise, one approval by anybody who may give it is enough.`}</Empty>
          ) : (
            <DataTable
              caption={t`Environments`}
              rows={rows}
              rowKey={(one) => one.name}
              columns={[
                { head: t`Environment`, cell: (one) => one.name },
                { head: t`A release needs`, cell: (one) => neededInWords(one.policy), wide: true },
                { head: t`Endpoints`, cell: (one) => (one.endpoints.length === 0 ? <span className="dim">{t`none`}</span> : one.endpoints.map((name, at) => <span key={name}>{at > 0 && ', '}<Link to="/endpoints/$name" params={{ name }}>{name}</Link></span>)) },
                { head: t`Set`, cell: (one) => (one.changed_at == null ? <span className="dim">{t`by nobody: this is what holds`}</span> : <When at={one.changed_at} />) },
                ...(may ? [{ head: t`Change`, cell: (one: Environment) => <PolicyForm environment={one} /> }] : []),
              ]}
            />
          )
        }
      </Answer>
    </Page>
  )
}

export function neededInWords(policy: Policy): string {
  const { approvals = 1, roles, author_may_approve: author = true, programs_may_approve: programs = false, gates = [], expires_days: days } = policy
  return [
    plural(approvals, { one: '# approval', other: 'approvals of # different people' }),
    roles != null && t`only by ${roles.join(', ')}`,
    !author && t`not by who bundled it`,
    programs && t`programs may approve`,
    gates.length > 0 && t`passed: ${gates.join(', ')}`,
    days != null && t`for ${plural(days, { one: '# day', other: '# days' })}`,
  ]
    .filter(Boolean)
    .join('; ')
}

function PolicyForm({ environment }: { environment?: Environment }) {
  const show = useFormPlace()
  return (
    <Button size={environment ? 'compact-xs' : 'sm'} variant={environment ? 'default' : 'filled'} onClick={() => show((close) => <Policing environment={environment} close={close} />)}>
      {environment ? <Trans>Change<span className="hidden-visually"> {environment.name}</span></Trans> : t`Set a policy`}
    </Button>
  )
}

function Policing({ environment, close }: { environment: Environment | undefined; close: () => void }) {
  const [form, setForm] = useState(() => formOf(environment))
  const set = (part: Partial<Form>): void => setForm((before) => ({ ...before, ...part }))
  const roles = useQuery(rolesQuery)
  const requests = useQueryClient()
  const save = useMutation({
    mutationFn: ({ policy, when }: { policy: Policy; when: Held }) => body(api.PUT('/api/v1/environments/{name}', { params: { path: { name: form.name.trim() }, header: when }, body: policy })),
    onSuccess: () => Promise.all([requests.invalidateQueries({ queryKey: ['environments'] }), requests.invalidateQueries({ queryKey: ['releases'] })]),
  })
  return (
    <Dialog
      title={environment ? t`What ${environment.name} needs` : t`Set a policy`}
      opened
      close={close}
      confirm={t`Set it`}
      disabled={form.name.trim() === ''}
      words={t`It holds for whatever begins to serve from now on; what serves already goes on.`}
      shown={['name', 'approvals', 'roles', 'gates', 'expires_days']}
      command={commandOf(form)}
      run={(when, policy = policyOf(form)) => save.mutateAsync({ policy, when })}
      edit={environment && { revision: environment.revision, was: environment.policy, mine: policyOf(form), names: NAMES, alone: ALONE, take: (policy) => setForm(formOf({ ...environment, policy })) }}
    >
      {(faults) => (
        <>
          {!environment && <TextInput label={t`Environment`} description={t`Small letters, digits and hyphens, such as production or staging`} value={form.name} onChange={(event) => set({ name: event.currentTarget.value })} error={faults('name')} data-autofocus />}
          <NumberInput label={t`Approvals`} description={t`Of so many different people`} min={1} max={20} value={form.approvals} onChange={(approvals) => set({ approvals: Number(approvals) || 1 })} error={faults('approvals')} />
          <MultiSelect label={t`Only by these roles`} placeholder={form.roles.length === 0 ? t`any role` : ''} data={(roles.data ?? []).map(({ name }) => name)} value={form.roles} onChange={(chosen) => set({ roles: chosen })} error={faults('roles')} />
          <Checkbox label={t`Who bundled the release may approve it`} checked={form.author} onChange={(event) => set({ author: event.currentTarget.checked })} />
          <Checkbox label={t`Programs may approve, in the name of who answers for them`} checked={form.programs} onChange={(event) => set({ programs: event.currentTarget.checked })} />
          <TagsInput label={t`Gates that must have passed`} description={t`Whatever reason an approval gives; the usual one is called evaluation`} value={form.gates} onChange={(gates) => set({ gates })} error={faults('gates')} />
          <NumberInput label={t`Days that an approval counts`} description={t`Empty: it never expires`} min={0.1} max={3650} value={form.days} onChange={(days) => set({ days })} error={faults('expires_days')} />
          <Snippet body={pythonOf(form)} />
        </>
      )}
    </Dialog>
  )
}

function formOf(environment: Environment | undefined): Form {
  const policy: Partial<Policy> = environment?.policy ?? {}
  return { name: environment?.name ?? '', approvals: policy.approvals ?? 1, roles: policy.roles ?? [], author: policy.author_may_approve ?? true, programs: policy.programs_may_approve ?? false, gates: policy.gates ?? [], days: policy.expires_days ?? '' }
}

const policyOf = (form: Form): Policy =>
  ({ approvals: form.approvals, roles: form.roles.length === 0 ? null : form.roles, author_may_approve: form.author, programs_may_approve: form.programs, gates: form.gates, expires_days: form.days === '' ? null : Number(form.days) }) as Policy

function commandOf(form: Form): string {
  const flags = [form.approvals !== 1 && sh`--approvals ${form.approvals}`, ...form.roles.map((role) => sh`--role ${role}`), !form.author && '--not-author', form.programs && '--programs-may-approve', ...form.gates.map((gate) => sh`--gate ${gate}`), form.days !== '' && sh`--expires-days ${form.days}`]
  return [sh`treadle environment set ${form.name.trim() || 'NAME'}`, ...flags.filter(Boolean)].join(' ')
}

function pythonOf(form: Form): string {
  const facts = [`approvals=${form.approvals}`, form.roles.length > 0 && `roles=${JSON.stringify(form.roles)}`, !form.author && 'author_may_approve=False', form.programs && 'programs_may_approve=True', form.gates.length > 0 && `gates=${JSON.stringify(form.gates)}`, form.days !== '' && `expires_days=${form.days}`].filter(Boolean)
  return `from treadle.releases.approvals.types import ApprovalPolicy\n\nclient.environments.set_policy(${JSON.stringify(form.name.trim())}, ApprovalPolicy(${facts.join(', ')}))`
}
