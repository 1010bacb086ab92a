/* Where there is no trace yet: three ways to send the first, ready to copy, with the key that each needs; looks every two seconds
   whether it has come. */
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { SegmentedControl } from '@mantine/core'
import { useEffect, useState, type ReactNode } from 'react'
import { CommandLine, CopyButton } from '../ui/CommandLine'
import { TurningIcon } from '../ui/icons'
import styles from './FirstTrace.module.css'

const EVERY_MS = 2000

type Way = { label: string; words: ReactNode; text: (url: string) => string }

const WAYS: Record<string, Way> = {
  python: {
    label: t`Python`,
    words: <Trans>For your own functions and the libraries they call; <code>docs/tracing.md</code> tells the rest.</Trans>,
    text: (url) => `import treadle

treadle.configure_tracing("${url}", api_key="tdl_…", service="my-app")
treadle.instrument()  # the LLM libraries that are installed


@treadle.trace
def answer(question: str) -> str:
    return "Parcels take two days."


with treadle.trace("turn", session_id="s1", user_id="u1"):
    answer("How long does a parcel take?")
print(treadle.flush(timeout_seconds=30))`,
  },
  otel: {
    label: t`OpenTelemetry`,
    words: <Trans>For anything that speaks OpenTelemetry, in any language; <code>docs/traces.md</code> says what is understood.</Trans>,
    text: (url) => `export OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=${url}/v1/traces
export OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf
export OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer $TREADLE_API_KEY"`,
  },
  gateway: {
    label: t`Gateway`,
    words: <Trans>Every request to an endpoint leaves a trace, without any tracing in the application; <code>docs/gateway.md</code> says how to make one.</Trans>,
    text: (url) => `curl ${url}/v1/chat/completions -H "Authorization: Bearer $TREADLE_API_KEY" \\
  -H 'Content-Type: application/json' \\
  -d '{"model": "my-endpoint", "messages": [{"role": "user", "content": "Hello"}]}'`,
  },
}

/** `isSeen`: asks again for what the page would show; the page goes on by itself once something is there. */
export function FirstTrace({ title, isSeen, children }: { title: string; isSeen: () => unknown; children: ReactNode }) {
  const [way, setWay] = useState('python')
  useEffect(() => {
    const timer = window.setInterval(() => {
      if (!document.hidden) void isSeen()
    }, EVERY_MS)
    return () => window.clearInterval(timer)
  }, [isSeen])
  const { words, text } = WAYS[way] ?? WAYS['python']!
  const snippet = text(window.location.origin)
  return (
    <div className={styles.first}>
      <p className={styles.title}>{title}</p>
      <p className="dim">{children}</p>
      <p><Trans>1. Make a key with the role <code>service</code>, which may send traces and call endpoints:</Trans></p>
      <CommandLine command="treadle access key create --name my-app --role service" label={t`A key`} />
      <div className={styles.step}>
        <p><Trans>2. Put it where it says <code>tdl_…</code> or into <code>TREADLE_API_KEY</code>, and send:</Trans></p>
        <SegmentedControl size="xs" value={way} onChange={setWay} aria-label={t`How to send`} data={Object.entries(WAYS).map(([value, { label }]) => ({ value, label }))} />
      </div>
      <div className={styles.snippet}>
        <pre tabIndex={0} role="region" aria-label={t`First trace with ${WAYS[way]?.label ?? ''}`}>{snippet}</pre>
        <CopyButton text={snippet} what={t`snippet`} />
      </div>
      <p className="dim"><Trans>{words} Nothing of your own to send yet? <code>treadle demo</code> goes once around the whole loop.</Trans></p>
      <p className={styles.waiting} role="status"><Trans><span className={styles.turning}><TurningIcon size={14} /></span> Waiting for the first one; it shows here by itself.</Trans></p>
    </div>
  )
}
