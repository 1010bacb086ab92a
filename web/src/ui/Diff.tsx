/* Two texts and what changed between them, in one piece of text or side by side. Gone is struck through, new is underlined, so
   that nobody needs the colour; both texts are untrusted. */
import { t } from '@lingui/core/macro'
import { useMemo } from 'react'
import { cutPieces, diffWords, type Piece } from './differing'
import styles from './Diff.module.css'

/** `side`: only what stands in one of the two. `most`: characters that are drawn. */
export function WordDiff({ before, after, side, most }: { before: string; after: string; side?: 'before' | 'after'; most?: number | undefined }) {
  const pieces = useMemo(() => diffWords(before, after), [before, after])
  const hidden = side === 'before' ? 'new' : side === 'after' ? 'gone' : null
  const shown = pieces.filter(({ kind }) => kind !== hidden)
  return (
    <span className="untrusted" dir="auto">
      {(most === undefined ? shown : cutPieces(shown, most)).map((piece, at) => <PieceOf key={at} piece={piece} />)}
    </span>
  )
}

function PieceOf({ piece }: { piece: Piece }) {
  if (piece.kind === 'gone') return <del className={styles.gone}>{piece.text}</del>
  if (piece.kind === 'new') return <ins className={styles.new}>{piece.text}</ins>
  return <>{piece.text}</>
}

/** Two versions of one text beside each other; `null` where one of them has none. */
export function SideBySide({ title, before, after, names }: { title: string; before: string | null; after: string | null; names: [string, string] }) {
  if (before === after) return null
  return (
    <section className={styles.sides} aria-label={title}>
      <h3>{title}</h3>
      <div className={styles.pair}>
        {([[before, 'before', names[0]], [after, 'after', names[1]]] as const).map(([text, side, name]) => (
          <div key={side} className={styles.side} data-side={side}>
            <div className={styles.name}>{name}</div>
            {text === null ? <span className="dim">{t`not there`}</span> : <WordDiff before={before ?? ''} after={after ?? ''} side={side} />}
          </div>
        ))}
      </div>
    </section>
  )
}
