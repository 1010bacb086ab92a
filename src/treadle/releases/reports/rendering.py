"""A report as Markdown and as one HTML page to send around: no script, no link, everything that people wrote escaped. Pure.

CONTENT_SECURITY_POLICY allows exactly the page's style sheet, so serving it is safe even if an escape were missing.
"""

from __future__ import annotations

import base64
import hashlib
import re
from html import escape

from treadle.releases.reports.types import ReleaseReport, Section, Table

STYLE = """
:root { color-scheme: light dark; --ink: #1d2327; --soft: #56616a; --line: #d8dde1; --paper: #ffffff; --warn: #9a3d12; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaed; --soft: #9aa6af; --line: #39424a; --paper: #14181b; --warn: #f0a070; } }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 62rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; margin: 0 0 .25rem; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; } h3 { font-size: 1rem; color: var(--warn); }
p.lead, footer { color: var(--soft); } .wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; margin: .75rem 0; }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: break-word; }
"""
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""The header to serve the page with."""
FOOTER = (
    "Made by Treadle from what is recorded. What is not listed as measured was not measured; silence is not a pass."
)
_MARKUP = re.compile(r"([\\`*_{}\[\]<>|#~&])")


def to_markdown(report: ReleaseReport) -> str:
    """Return a report as Markdown: each section, then everything that is missing."""
    lines = [f"# {_plain(report.title)}: responsible-AI report", "", f"Made {report.made_at:%Y-%m-%d %H:%M} UTC.", ""]
    for section in report.sections:
        lines += [f"## {_plain(section.title)}", ""]
        lines += [f"- {_plain(line)}" for line in section.lines]
        for table in section.tables:
            lines += ["", *_table(table)]
        lines.append("")
    lines += ["## What was not measured", "", *(f"- {_plain(what)}" for what in report.not_measured), "", FOOTER]
    return "\n".join(lines) + "\n"


def to_html(report: ReleaseReport) -> str:
    """Return a report as one page. Cost: a few tens of kB."""
    title = f"{report.title}: responsible-AI report"
    body = "\n".join(_section(section) for section in report.sections)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{_text(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{STYLE}</style>\n</head>\n'
        f'<body>\n<main>\n<h1>{_text(title)}</h1>\n<p class="lead">Made {report.made_at:%Y-%m-%d %H:%M} UTC.</p>\n{body}\n'
        f"<section>\n<h2>What was not measured</h2>\n{_list(report.not_measured)}\n</section>\n</main>\n"
        f"<footer>{FOOTER}</footer>\n</body>\n</html>\n"
    )


def _section(section: Section) -> str:
    tables = "\n".join(_html_table(table) for table in section.tables)
    missing = f"<h3>Not measured or stated</h3>\n{_list(section.not_measured)}" if section.not_measured else ""
    return f"<section>\n<h2>{_text(section.title)}</h2>\n{_list(section.lines)}\n{tables}\n{missing}\n</section>"


def _list(lines: list[str]) -> str:
    return "<ul>" + "".join(f"<li>{_text(line)}</li>" for line in lines) + "</ul>" if lines else ""


def _html_table(table: Table) -> str:
    head = "".join(f'<th scope="col">{_text(name)}</th>' for name in table.headers)
    rows = "".join("<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>\n" for row in table.rows)
    return f'<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>'


def _table(table: Table) -> list[str]:
    lines = [table.headers, ["---"] * len(table.headers)]
    told = [f"| {' | '.join(cells)} |" for cells in lines]
    return told + [f"| {' | '.join(map(_plain, row))} |" for row in table.rows]


def _text(text: str) -> str:
    return escape(_clean(text))


def _plain(text: str) -> str:
    """Return a text that Markdown shows as it is: one line, its marks escaped."""
    return _MARKUP.sub(r"\\\1", " ".join(_clean(text).split()))


def _clean(text: str) -> str:
    """Return a text without control characters and those that turn reading round."""
    return "".join(
        "\ufffd"
        if (char < " " and char not in "\t\n") or char in "\x7f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
        else char
        for char in text
    )
