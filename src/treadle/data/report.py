"""A profile as one HTML page to send around: plots as inline SVG, a table under each, light and dark, no script, no link.

Everything that comes from data is escaped. The page needs nothing but itself; CONTENT_SECURITY_POLICY allows exactly its
style sheet and nothing else, so serving it is safe even if an escape were missing.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from html import escape

from treadle.data.profile_types import Count, Distribution, Profile

WIDTH, HEIGHT = 640, 200
MOST_BARS = 40
STYLE = """
:root { color-scheme: light dark; --ink: #1d2327; --soft: #5c6770; --line: #d8dde1; --paper: #ffffff; --card: #f5f7f8;
  --bar: #2f6f8f; --warn: #a4471b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaed; --soft: #9aa6af; --line: #39424a; --paper: #14181b;
  --card: #1c2226; --bar: #6bb3d6; --warn: #f0a070; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 60rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.7rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2.5rem 0 .5rem; }
p.lead { color: var(--soft); margin: 0 0 1.5rem; } p { max-width: 46rem; }
dl.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem; margin: 0; }
dl.facts div { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .8rem; }
dt { color: var(--soft); font-size: .85rem; } dd { margin: 0; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
dd small { font-size: .85rem; color: var(--soft); }
figure { margin: .5rem 0; } svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--soft); font: 12px system-ui, sans-serif; } svg .name { fill: var(--ink); }
svg rect { fill: var(--bar); } svg line { stroke: var(--line); }
details { margin: .25rem 0 0; } summary { cursor: pointer; color: var(--soft); font-size: .9rem; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; margin: .5rem 0; }
caption { text-align: left; color: var(--soft); padding: .25rem 0; }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.text { overflow-wrap: anywhere; } .wide { overflow-x: auto; } .warn { color: var(--warn); }
footer { margin-top: 3rem; color: var(--soft); font-size: .85rem; }
"""
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""The header to serve the page with."""


def render_report(profile: Profile, *, title: str, subtitle: str = "") -> str:
    """Draw the page. title: 'support, version 2'. Cost: about 50 kB of HTML."""
    sections = [
        _facts(profile),
        _histogram("Length in characters", "characters", profile.input_characters),
        _histogram("Length in words", "words", profile.input_words),
        _histogram("Length in tokens", "tokens", profile.input_tokens),
        _histogram("Length of expected outputs", "characters", profile.expected_output_characters),
        _bars("Labels", "label", profile.labels, _about_labels(profile)),
        _bars("Parts", "part", profile.parts, "How the rows are split."),
        _similar(profile),
        _conflicts(profile),
        _bars("Languages", "language", profile.languages, "As recognised with confidence; 'unclear' where not."),
        _findings(profile),
        _bars(
            "Broken Unicode", "fault", profile.unicode_faults, "Rows that a preparation would mend, by what is wrong."
        ),
        _outliers(profile),
    ]
    about = f'<p class="lead">{escape(subtitle)}</p>' if subtitle else ""
    body = "\n".join(section for section in sections if section)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{STYLE}</style>\n</head>\n'
        f"<body>\n<main>\n<h1>{escape(title)}</h1>\n{about}\n{body}\n</main>\n"
        "<footer>Made by Treadle. Excerpts are masked: what has the shape of personal data or a secret shows as a token "
        "such as [EMAIL]. Names and places in running text are not recognised.</footer>\n</body>\n</html>\n"
    )


def _facts(profile: Profile) -> str:
    def rate(count: int) -> str:
        return f"{count:,} <small>{count / max(profile.num_rows, 1):.1%}</small>"

    facts = [("Rows", f"{profile.num_rows:,}"), ("Task", escape(profile.task))]
    if profile.num_labels:
        facts += [("Labels", f"{profile.num_labels:,}"), ("Label balance", f"{profile.label_balance or 0:.2f}")]
    facts += [
        ("Missing inputs", rate(profile.num_missing_inputs)),
        ("Missing expected outputs", rate(profile.num_missing_expected_outputs)),
        ("Exact duplicates", rate(profile.num_exact_duplicates)),
        ("Near-duplicates", rate(profile.num_near_duplicates)),
        ("Conflicting labels", rate(profile.num_conflicting_rows)),
        ("Outliers", rate(profile.num_outliers)),
    ]
    return (
        '<dl class="facts">' + "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts) + "</dl>"
    )


def _histogram(title: str, unit: str, spread: Distribution | None) -> str:
    if spread is None:
        return ""
    tallest = max(bar.num_rows for bar in spread.bins) or 1
    step = WIDTH / len(spread.bins)
    plot = HEIGHT - 24
    drawn = []
    for place, bar in enumerate(spread.bins):
        height = bar.num_rows / tallest * (plot - 16)
        what = f"{bar.lower:g} to {bar.upper:g} {unit}: {bar.num_rows:,} rows"
        drawn.append(
            f'<rect x="{place * step + 0.5:.1f}" y="{plot - height:.1f}" width="{max(step - 1, 1):.1f}" '
            f'height="{height:.1f}"><title>{what}</title></rect>'
        )
    edges = ((0, "start", spread.bins[0].lower), (WIDTH / 2, "middle", spread.bins[len(spread.bins) // 2].lower))
    ticks = "".join(f'<text x="{x}" y="{HEIGHT - 6}" text-anchor="{a}">{v:g}</text>' for x, a, v in edges)
    ticks += f'<text x="{WIDTH}" y="{HEIGHT - 6}" text-anchor="end">{spread.bins[-1].upper:g} {unit}</text>'
    ticks += f'<text x="0" y="11">{tallest:,} rows</text>'
    words = f"Half of the rows have at most {spread.median:g} {unit}, 95 % at most {spread.p95:g}, the longest {spread.maximum:g}."
    picture = (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}: histogram. {words}">'
        f'{"".join(drawn)}<line x1="0" y1="{plot}" x2="{WIDTH}" y2="{plot}"/>{ticks}</svg>'
    )
    rows = [(f"{bar.lower:g}", f"{bar.upper:g}", f"{bar.num_rows:,}") for bar in spread.bins]
    table = _table(f"{title}, counted", (f"from ({unit})", "to below", "rows"), rows, numbers=(0, 1, 2))
    return _section(title, words, f"<figure>{picture}</figure>{_folded(table)}")


def _bars(title: str, noun: str, counts: Sequence[Count], words: str) -> str:
    if not counts:
        return ""
    shown = counts[:MOST_BARS]
    most = max(count.num_rows for count in shown) or 1
    line = 20
    height = len(shown) * line
    drawn = []
    for place, count in enumerate(shown):
        y = place * line
        length = count.num_rows / most * 340
        name = count.name if len(count.name) <= 32 else count.name[:31] + "…"
        drawn.append(
            f'<text class="name" x="210" y="{y + 14}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="220" y="{y + 3}" width="{max(length, 1):.1f}" height="14"><title>{escape(count.name)}: '
            f"{count.num_rows:,} rows</title></rect>"
            f'<text x="{226 + length:.1f}" y="{y + 14}">{count.num_rows:,}</text>'
        )
    picture = (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}: bars, one per {noun}; the table below '
        f'has the same numbers">{"".join(drawn)}</svg>'
    )
    rows = [(count.name, f"{count.num_rows:,}", f"{count.share:.2%}") for count in counts]
    table = _table(f"{title}, counted", (noun, "rows", "share"), rows, numbers=(1, 2))
    return _section(title, words, f"<figure>{picture}</figure>{_folded(table)}")


def _about_labels(profile: Profile) -> str:
    shown = f" The {MOST_BARS} most frequent are drawn." if profile.num_labels > MOST_BARS else ""
    return f"{profile.num_labels} labels; balance {profile.label_balance or 0:.2f}, where 1 is even and 0 is one label only.{shown}"


def _similar(profile: Profile) -> str:
    words = (
        f"{profile.num_exact_duplicates:,} rows repeat an earlier one; {profile.num_near_duplicates:,} more say nearly the "
        f"same (similarity at least {profile.near_duplicate_threshold:g})."
    )
    rows = [
        (_rows(group.rows, group.num_rows), f"{group.similarity:.2f}", ", ".join(group.labels), group.excerpt)
        for group in profile.similar_groups
    ]
    table = _table("Groups of near-duplicates", ("rows", "similarity", "labels", "first row"), rows, numbers=(1,))
    return _section("Duplicates", words, table if rows else "")


def _conflicts(profile: Profile) -> str:
    if not profile.conflicts:
        return ""
    rows = [
        (
            _rows(conflict.rows, sum(label.num_rows for label in conflict.labels)),
            ", ".join(f"{label.name} ({label.num_rows})" for label in conflict.labels),
            conflict.excerpt,
        )
        for conflict in profile.conflicts
    ]
    words = f"{profile.num_conflicting_rows:,} rows have the same text as another row, but a different label."
    return _section(
        "Conflicting labels", words, _table("Same text, different labels", ("rows", "labels", "text"), rows)
    )


def _findings(profile: Profile) -> str:
    found = [*profile.personal_data, *profile.secrets]
    if not found:
        return _section("Personal data", "Nothing with the shape of personal data or a secret was found.", "")
    rows = [(count.kind, f"{count.num_findings:,}", f"{count.num_rows:,}") for count in found]
    words = "What has a shape: a preparation replaces it by a token. Names and streets are not found."
    return _section("Personal data", words, _table("Found by kind", ("kind", "findings", "rows"), rows, numbers=(1, 2)))


def _outliers(profile: Profile) -> str:
    if not profile.outliers:
        return ""
    rows = [(f"{one.row:,}", one.reason.replace("_", " "), one.detail, one.excerpt) for one in profile.outliers]
    words = f"{profile.num_outliers:,} rows are unlike the others. The first {len(rows)} are listed."
    table = _table("Outliers", ("row", "reason", "detail", "text"), rows, numbers=(0,))
    return _section("Outliers", words, _folded(table))


def _rows(rows: Sequence[int], num_rows: int) -> str:
    shown = ", ".join(str(row) for row in rows[:6])
    return shown + (f" and {num_rows - 6} more" if num_rows > 6 else "")


def _section(title: str, words: str, content: str) -> str:
    return f"<section>\n<h2>{escape(title)}</h2>\n<p>{escape(words)}</p>\n{content}\n</section>"


def _folded(table: str) -> str:
    return f"<details><summary>As a table</summary>{table}</details>"


def _table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    def cell(place: int, value: str) -> str:
        kind = "number" if place in numbers else "text"
        return f'<td class="{kind}">{escape(value)}</td>'

    head = "".join(
        f'<th scope="col" class="{"number" if place in numbers else "text"}">{escape(name)}</th>'
        for place, name in enumerate(heads)
    )
    body = "\n".join("<tr>" + "".join(cell(place, value) for place, value in enumerate(row)) + "</tr>" for row in rows)
    return (
        f'<div class="wide"><table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )
