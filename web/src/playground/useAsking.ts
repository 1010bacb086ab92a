/* Asking columns: what has been said so far of every cell, and how to stop. */
import { useEffect, useRef, useState } from 'react'
import { problemOf, type Problem } from '../api/problem'
import { parametersOf, triedOf, variablesFor, type Asked, type Column, type Row } from './board'
import { ask, type Told } from './stream'

/** A cell that speaks has a text only; one that is done has all of it. */
export type CellState = { text: string; told: Told | null }
export type ColumnState = { busy: boolean; problem: Problem | null; asked: Asked | null; cells: Record<number, CellState> }

const NOTHING: ColumnState = { busy: false, problem: null, asked: null, cells: {} }

export function useAsking() {
  const [columns, setColumns] = useState<Record<number, ColumnState>>({})
  const stops = useRef(new Map<number, AbortController>())
  useEffect(() => () => stops.current.forEach((stop) => stop.abort()), [])

  const set = (key: number, change: (before: ColumnState) => ColumnState): void => setColumns((before) => ({ ...before, [key]: change(before[key] ?? NOTHING) }))

  const stop = (key: number): void => stops.current.get(key)?.abort()

  /** Asks a column with all rows; cells are known by their row's key, so that rows may come and go. */
  const run = async (column: Column, rows: readonly Row[], names: readonly string[], budgetUsd: string): Promise<void> => {
    stop(column.key)
    const controller = new AbortController()
    stops.current.set(column.key, controller)
    set(column.key, () => ({ busy: true, problem: null, asked: { column, names, rows }, cells: {} }))
    const keyOf = (place: number): number => rows[place]?.key ?? -1
    const say = (row: number, change: (before: CellState | undefined) => CellState): void =>
      set(column.key, (before) => ({ ...before, cells: { ...before.cells, [row]: change(before.cells[row]) } }))
    try {
      const wanted = {
        prompts: [triedOf(column)], endpoints: [column.endpoint], rows: rows.map((row) => variablesFor(row, names)), parameters: parametersOf(column), concurrency: 4,
        ...(budgetUsd === '' ? {} : { budget_usd: budgetUsd }),
      }
      await ask(wanted, controller.signal, (event) => {
        // One prompt and one endpoint are asked at a time, so a cell's number is its row's place.
        if (event.name === 'delta') say(keyOf(event.data.cell), (before) => ({ text: (before?.text ?? '') + event.data.text, told: null }))
        if (event.name === 'cell') say(keyOf(event.data.cell), () => ({ text: event.data.output ?? '', told: event.data }))
      })
      set(column.key, (before) => ({ ...before, busy: false }))
    } catch (thrown) {
      set(column.key, (before) => ({ ...before, busy: false, problem: controller.signal.aborted ? null : problemOf(thrown) }))
    }
  }
  return { stateOf: (key: number): ColumnState => columns[key] ?? NOTHING, run, stop }
}
