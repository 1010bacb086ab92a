/* A text editor in which the variables of a prompt stand out. Loaded only where somebody writes. Tab leaves it, as it leaves any
   field, so that a keyboard is never caught. */
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands'
import { Annotation, Compartment, EditorState, type Extension } from '@codemirror/state'
import { Decoration, drawSelection, EditorView, keymap, MatchDecorator, placeholder, ViewPlugin, type DecorationSet, type ViewUpdate } from '@codemirror/view'
import { useEffect, useRef } from 'react'
import styles from './Editor.module.css'

export type EditorProps = { label: string; value: string; onChange: (value: string) => void; language: 'mustache' | 'jinja' | 'json'; hint?: string }

/** Marks a text that was set from outside: nobody typed it. */
const Given = Annotation.define<boolean>()

const MARKED = {
  mustache: /\{\{\{?[^{}]*\}?\}\}/g,
  jinja: /\{\{[^{}]*\}\}|\{%[^%]*%\}|\{#[^#]*#\}/g,
} as const

export default function Editor({ label, value, onChange, language, hint }: EditorProps) {
  const frame = useRef<HTMLDivElement>(null)
  const view = useRef<EditorView | null>(null)
  const marks = useRef(new Compartment())
  const tell = useRef(onChange)
  tell.current = onChange

  useEffect(() => {
    const made = new EditorView({
      parent: frame.current!,
      state: EditorState.create({
        doc: value,
        extensions: [
          history(),
          drawSelection(),
          keymap.of([...defaultKeymap, ...historyKeymap]),
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ 'aria-label': label, spellcheck: 'true', dir: 'auto' }),
          EditorView.perLineTextDirection.of(true),
          EditorView.updateListener.of((update) => {
            if (update.docChanged && !update.transactions.some((one) => one.annotation(Given))) tell.current(update.state.doc.toString())
          }),
          marks.current.of(marksOf(language)),
          ...(hint ? [placeholder(hint)] : []),
        ],
      }),
    })
    view.current = made
    return () => made.destroy()
    // The view lives as long as its field; what comes from outside is set below.
  }, [label])

  useEffect(() => {
    const now = view.current?.state.doc.toString()
    if (now !== undefined && now !== value) view.current?.dispatch({ changes: { from: 0, to: now.length, insert: value }, annotations: Given.of(true) })
  }, [value])

  useEffect(() => view.current?.dispatch({ effects: marks.current.reconfigure(marksOf(language)) }), [language])

  return <div ref={frame} className={styles.editor} />
}

function marksOf(language: EditorProps['language']): Extension {
  if (language === 'json') return []
  const matcher = new MatchDecorator({
    regexp: MARKED[language],
    decoration: (match) => Decoration.mark({ class: /^\{\{\s*[>#/^]|^\{[%#]/.test(match[0]) ? styles.control! : styles.variable! }),
  })
  return ViewPlugin.fromClass(
    class {
      marks: DecorationSet
      constructor(editor: EditorView) {
        this.marks = matcher.createDeco(editor)
      }
      update(update: ViewUpdate): void {
        this.marks = matcher.updateDeco(update, this.marks)
      }
    },
    { decorations: (plugin) => plugin.marks },
  )
}
