/* Settings: who one is here, what one may do, the language, the colour scheme, and the way out. */
import { t } from '@lingui/core/macro'
import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { problemOf } from '../api/problem'
import { LanguagePick } from '../language/LanguagePick'
import { Scheme } from '../shell/Scheme'
import { Facts } from '../ui/Facts'
import { Page, Panel, Section } from '../ui/Page'
import { Answer, ProblemState } from '../ui/states'
import { When } from '../ui/When'
import { meQuery, useSignOut } from './queries'
import { SETTINGS_TABS } from './tabs'

export function Settings() {
  const me = useQuery(meQuery)
  const signOut = useSignOut()
  const navigate = useNavigate()
  return (
    <Page
      title={t`Settings`}
      lead={t`Who you are here and how this application looks to you.`}
      command="treadle access actor list"
      python="client.access.me()"
      tabs={SETTINGS_TABS}
      actions={<Button
          variant="default"
          size="xs"
          loading={signOut.isPending}
          onClick={() => signOut.mutate(undefined, { onSuccess: () => void navigate({ to: '/sign-in' }) })}
        >
          {t`Sign out`}
        </Button>}
    >
      {signOut.error && <ProblemState problem={problemOf(signOut.error)} deed />}
      <Answer query={me} what={t`who you are`}>
        {({ actor, project, permissions }) => (
          <>
            <Section title={t`You`}>
              <Facts
                facts={[
                  [t`Name`, actor.name],
                  [t`Role`, actor.role],
                  [t`Kind`, actor.kind],
                  [t`Project`, project.name],
                  [t`Since`, <When key="since" at={actor.created_at} />],
                ]}
              />
            </Section>
            <Section title={t`What you may do`}>
              <Panel>
                <ul className="row" style={{ listStyle: 'none', margin: 0, padding: 0 }}>
                  {permissions.map((permission) => (
                    <li key={permission}><code>{permission}</code></li>
                  ))}
                </ul>
              </Panel>
            </Section>
          </>
        )}
      </Answer>
      <Section title={t`Language`}>
        <LanguagePick />
      </Section>
      <Section title={t`Colour scheme`}>
        <Scheme name="scheme-settings" words />
      </Section>
    </Page>
  )
}
