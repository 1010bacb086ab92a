/* What a version is like: the facts that decide what to do next first, then the plots, then the rows worth a look. */
import { plural, t } from '@lingui/core/macro'
import { Link } from '@tanstack/react-router'
import { useMemo } from 'react'
import type { Distribution, Profile } from '../api/types'
import { count, percent } from '../format/numbers'
import { DataTable } from '../ui/DataTable'
import { Facts } from '../ui/Facts'
import { Figure } from '../ui/Figure'
import { Section } from '../ui/Page'
import { Untrusted } from '../ui/text'
import { spreadInWords } from './words'

const LABELS_SHOWN = 40

export function ProfileView({ profile, name, version }: { profile: Profile; name: string; version: string }) {
  const links = (rows: readonly number[], all = rows.length) => <Links name={name} version={version} rows={rows} all={all} />
  const share = (rows: number): string => `${count(rows)} (${percent(profile.num_rows ? rows / profile.num_rows : 0)})`
  return (
    <div className="stack">
      <Facts
        facts={[
          [t`Rows`, count(profile.num_rows)],
          [t`Kind of task`, profile.task],
          [t`Labels`, profile.num_labels ? count(profile.num_labels) : null],
          [t`Label balance`, profile.label_balance == null ? null : t`${percent(profile.label_balance)} of even`],
          [t`Exact duplicates`, share(profile.num_exact_duplicates)],
          [t`Near-duplicates`, share(profile.num_near_duplicates)],
          [t`Same text, other label`, share(profile.num_conflicting_rows)],
          [t`Without input`, count(profile.num_missing_inputs)],
          [t`Without expected output`, count(profile.num_missing_expected_outputs)],
          [t`Outliers`, count(profile.num_outliers)],
        ]}
      />
      <Section title={t`Distributions`}>
        <div className="columns">
          {profile.input_characters && <Histogram title={t`Length of the inputs`} spread={profile.input_characters} unit={t`characters`} counted={(num) => plural(num, { one: '# character', other: '# characters' })} />}
          {profile.input_words && <Histogram title={t`Words per input`} spread={profile.input_words} unit={t`words`} counted={(num) => plural(num, { one: '# word', other: '# words' })} />}
          {profile.input_tokens && <Histogram title={t`Tokens per input`} spread={profile.input_tokens} unit={t`tokens`} counted={(num) => plural(num, { one: '# token', other: '# tokens' })} />}
          {profile.expected_output_characters && <Histogram title={t`Length of the expected outputs`} spread={profile.expected_output_characters} unit={t`characters`} counted={(num) => plural(num, { one: '# character', other: '# characters' })} />}
          {profile.labels.length > 0 && <Counts title={t`Rows per label`} counts={profile.labels} noun={t`Label`} shown={LABELS_SHOWN} />}
          {profile.languages.length > 0 && <Counts title={t`Languages`} counts={profile.languages} noun={t`Language`} shown={12} />}
        </div>
      </Section>
      <div className="columns">
        <Section title={t`Personal data and secrets`}>
          <DataTable
            caption={t`Personal data and secrets found`}
            none={t`None found`}
            rows={[...profile.personal_data, ...profile.secrets]}
            rowKey={(found) => found.kind}
            columns={[
              { head: t`Kind`, cell: (found) => found.kind },
              { head: t`Found`, cell: (found) => plural(found.num_findings, { one: '# time', other: '# times' }), numeric: true },
              { head: t`In rows`, cell: (found) => count(found.num_rows), numeric: true },
            ]}
          />
          <p className="dim">{t`Only what has a shape is found: names and streets are not.`}</p>
        </Section>
        <Section title={t`Broken Unicode`}>
          <DataTable
            caption={t`Faults that a repair would mend`}
            none={t`None found`}
            rows={profile.unicode_faults}
            rowKey={(fault) => fault.name}
            columns={[
              { head: t`Fault`, cell: (fault) => fault.name },
              { head: t`Rows`, cell: (fault) => count(fault.num_rows), numeric: true },
              { head: t`Share`, cell: (fault) => percent(fault.share), numeric: true },
            ]}
          />
        </Section>
      </div>
      {profile.conflicts.length > 0 && (
        <Section title={t`Same text, different labels`}>
          <DataTable
            caption={t`Same text, different labels`}
            rows={profile.conflicts}
            rowKey={(conflict) => conflict.rows.join(' ')}
            maxHeight="20rem"
            columns={[
              { head: t`Text`, cell: (conflict) => <Untrusted text={conflict.excerpt} />, wide: true },
              { head: t`Labels`, cell: (conflict) => conflict.labels.map((label) => `${label.name} (${label.num_rows})`).join(', ') },
              { head: t`Rows`, cell: (conflict) => links(conflict.rows) },
            ]}
          />
        </Section>
      )}
      {profile.similar_groups.length > 0 && (
        <Section title={t`Groups that say nearly the same`}>
          <DataTable
            caption={t`Groups of near-duplicates`}
            rows={profile.similar_groups}
            rowKey={(group) => group.rows.join(' ')}
            maxHeight="20rem"
            columns={[
              { head: t`Begins`, cell: (group) => <Untrusted text={group.excerpt} />, wide: true },
              { head: t`Rows`, cell: (group) => count(group.num_rows), numeric: true },
              { head: t`Which`, cell: (group) => links(group.rows, group.num_rows) },
              { head: t`Alike`, cell: (group) => percent(group.similarity, 0), numeric: true },
              { head: t`Labels`, cell: (group) => group.labels.join(', ') },
            ]}
          />
        </Section>
      )}
      {profile.outliers.length > 0 && (
        <Section title={t`Rows unlike the others`}>
          <DataTable
            caption={t`Outliers`}
            rows={profile.outliers}
            rowKey={(outlier) => `${outlier.row} ${outlier.reason}`}
            maxHeight="20rem"
            columns={[
              { head: t`Row`, cell: (outlier) => links([outlier.row]), numeric: true },
              { head: t`Why`, cell: (outlier) => outlier.detail },
              { head: t`Begins`, cell: (outlier) => <Untrusted text={outlier.excerpt} />, wide: true },
            ]}
          />
        </Section>
      )}
    </div>
  )
}

/** Rows by number, each a way to look at it. */
function Links({ name, version, rows, all }: { name: string; version: string; rows: readonly number[]; all: number }) {
  return (
    <>
      {rows.map((row, at) => (
        <span key={row}>{at > 0 && ', '}<Link to="/datasets/$name/versions/$version" params={{ name, version }} search={{ row: String(row) }}>{row}</Link></span>
      ))}
      {all > rows.length && ` ${t`and ${count(all - rows.length)} more`}`}
    </>
  )
}

function Histogram({ title, spread, unit, counted }: { title: string; spread: Distribution; unit: string; counted: (num: number) => string }) {
  const option = useMemo(
    () => ({
      xAxis: { type: 'category', data: spread.bins.map((bin) => count(Math.round(bin.lower))), name: unit, axisLabel: { interval: 'auto' } },
      yAxis: { type: 'value' },
      series: [{ name: t`rows`, type: 'bar', barCategoryGap: '8%', data: spread.bins.map((bin) => bin.num_rows) }],
    }),
    [spread, unit],
  )
  return (
    <Figure
      title={title}
      words={spreadInWords(spread, counted)}
      option={option}
      height={200}
      rows={spread.bins}
      columns={[
        { head: t`From`, cell: (bin) => count(Math.round(bin.lower)), numeric: true },
        { head: t`To below`, cell: (bin) => count(Math.round(bin.upper)), numeric: true },
        { head: t`Rows`, cell: (bin) => count(bin.num_rows), numeric: true },
      ]}
    />
  )
}

function Counts({ title, counts, noun, shown }: { title: string; counts: Profile['labels']; noun: string; shown: number }) {
  const first = useMemo(() => counts.slice(0, shown), [counts, shown])
  const option = useMemo(
    () => ({
      xAxis: { type: 'value' },
      yAxis: { type: 'category', inverse: true, data: first.map((one) => one.name), axisLabel: { width: 150, overflow: 'truncate' } },
      series: [{ name: t`rows`, type: 'bar', barCategoryGap: '25%', data: first.map((one) => one.num_rows) }],
    }),
    [first],
  )
  const left = counts.length - first.length
  return (
    <Figure
      title={title}
      words={left > 0 ? t`The ${first.length} most frequent; ${plural(left, { one: '# more is', other: '# more are' })} in the table.` : t`${plural(counts.length, { one: '# kind', other: '# kinds' })}, most frequent first.`}
      option={option}
      height={Math.max(120, first.length * 18 + 30)}
      rows={counts}
      columns={[
        { head: noun, cell: (one) => one.name },
        { head: t`Rows`, cell: (one) => count(one.num_rows), numeric: true },
        { head: t`Share`, cell: (one) => percent(one.share), numeric: true },
      ]}
    />
  )
}
