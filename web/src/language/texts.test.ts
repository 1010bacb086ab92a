/* No text stands in the sources outside of a message: not between tags, not in what is read out or shown of an element. */
import ts from 'typescript'
import { expect, test } from 'vitest'

const SOURCES = import.meta.glob<string>(['../**/*.{ts,tsx}', '!../**/*.test.*', '!../api/schema.d.ts'], { query: '?raw', import: 'default', eager: true })

/** Attributes and fields whose text people read. */
const READ = new Set([
  'title', 'label', 'lead', 'description', 'placeholder', 'aria-label', 'alt', 'caption', 'confirm', 'words', 'word', 'head', 'hint', 'asks', 'button', 'means', 'legend', 'advice',
])
/** The same, where they are attributes; a field of this name may hold one of our own names. */
const READ_IN_ATTRIBUTES = new Set([...READ, 'what', 'does'])

/** What is said to machines, not to people. */
const CODE = new Set(['code', 'kbd', 'pre'])

/** Raw on purpose, by reason. */
const ALLOWED = new Set([
  // Names that are the same in every language.
  'Treadle',
  // A value that is sent, and shown as it is.
  'tie',
  // What one would type into a field: addresses, ids, filters, JSON, templates.
  'https://example.com/hooks/treadle', 'https://otel.example.com/v1/traces', 'https://api.example.com/v1', 'alerts@example.org', 'team@example.org', 'act_…', 'rel_…', 'kind:llm',
  'model:gpt-4o* user:acme-*', 'gpt-5-mini, anthropic/claude-haiku-4-5', 'correct', 'Hello {{name}}', '{"temperature": 0}', '{"temperature": 0.2}', '{"type": "object", …}',
  '[{"type": "function", "function": {"name": …}}]',
])

const hasLetters = (text: string): boolean => /\p{L}{2}/u.test(text)

function rawTexts(name: string, source: string): string[] {
  const file = ts.createSourceFile(name, source, ts.ScriptTarget.Latest, true, name.endsWith('x') ? ts.ScriptKind.TSX : ts.ScriptKind.TS)
  const found: string[] = []
  const say = (node: ts.Node, text: string): void => {
    if (hasLetters(text) && !ALLOWED.has(text.trim())) found.push(`${name}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1} ${text.trim()}`)
  }
  const walk = (node: ts.Node): void => {
    if (ts.isJsxElement(node) && (CODE.has(node.openingElement.tagName.getText()) || node.openingElement.tagName.getText() === 'Trans')) {
      // Elements within a message are read with it; only what stands in their attributes is on its own.
      ts.forEachChild(node, (child) => (ts.isJsxText(child) ? undefined : within(child)))
      return
    }
    if (ts.isJsxText(node)) say(node, node.text)
    if (ts.isJsxAttribute(node) && READ_IN_ATTRIBUTES.has(node.name.getText()) && node.initializer) said(ts.isJsxExpression(node.initializer) ? node.initializer.expression : node.initializer)
    if (ts.isPropertyAssignment(node) && READ.has(node.name.getText().replaceAll("'", ''))) said(node.initializer)
    ts.forEachChild(node, walk)
  }
  const within = (node: ts.Node): void => {
    if (ts.isJsxAttributes(node) || ts.isJsxExpression(node)) walk(node)
    else ts.forEachChild(node, (child) => (ts.isJsxText(child) ? undefined : within(child)))
  }
  /** A literal, or what stands to choose from. */
  const said = (node: ts.Expression | undefined): void => {
    if (node === undefined) return
    if (ts.isStringLiteralLike(node)) say(node, node.text)
    if (ts.isTemplateExpression(node)) say(node, [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)].join(' '))
    if (ts.isParenthesizedExpression(node)) said(node.expression)
    if (ts.isConditionalExpression(node)) [node.whenTrue, node.whenFalse].forEach(said)
    if (ts.isBinaryExpression(node)) [node.left, node.right].forEach(said)
  }
  walk(file)
  return found
}

test('every text is a message', () => {
  const raw = Object.entries(SOURCES).flatMap(([name, source]) => rawTexts(name, source))

  expect(raw).toEqual([])
})

test('a raw text is found where it stands', () => {
  const source = ['const x = (', '<p title="Loud">Hello <b>{count}</b>', '{t`fine`} <code>treadle up</code>', "<Trans>Said <i title='Quiet'>so</i></Trans></p>)"].join('\n')

  expect(rawTexts('x.tsx', source)).toEqual(['x.tsx:2 Loud', 'x.tsx:2 Hello', 'x.tsx:4 Quiet'])
})
