"""A gate's outcome as files that machines and people read: Markdown for a pull request, JUnit XML for a build. Pure."""

from __future__ import annotations

from xml.etree import ElementTree

from treadle.evals.comparisons.types import Change
from treadle.releases.types import GateReport

SHOWN = 20
"""Rows that are listed of each kind of change."""
_LONGEST = 200


def to_markdown(report: GateReport, *, title: str) -> str:
    """Return a report as Markdown: the outcome first, then each check, each scorer, and the rows that got worse."""
    lines = [f"# {title}: {report.result}", "", "| check | held | by which numbers |", "|---|---|---|"]
    lines += [
        f"| {_cell(one.name)} | {'yes' if one.passed else '**no**'} | {_cell(one.words)} |" for one in report.checks
    ]
    lines += ["", "| scorer | baseline | candidate | verdict |", "|---|---|---|---|"]
    lines += [
        f"| {one.scorer} | {one.baseline:.4g} | {one.candidate:.4g} | {_cell(one.words)} |"
        for one in report.comparisons
    ]
    lines += [f"| {_cell(one.scorer)} | - | - | not compared: {_cell(one.reason)} |" for one in report.left_out]
    lines += ["", f"Baseline `{report.baseline_experiment_id}`, candidate `{report.candidate_experiment_id}`."]
    regressed, improved = _changes(report)
    for name, rows in (("worse", regressed), ("better", improved)):
        if rows:
            lines += [
                "",
                f"## Rows that got {name}",
                "",
                "| row | input | expected | baseline | candidate |",
                "|---|---|---|---|---|",
            ]
            lines += [
                f"| {row.row} | {_cell(row.input)} | {_cell(row.expected)} | {_cell(row.baseline_output)} | "
                f"{_cell(row.candidate_output)} |"
                for row in rows[:SHOWN]
            ]
    return "\n".join(lines) + "\n"


def unjudged_markdown(why: str, *, title: str) -> str:
    """Return what Markdown says of a gate that could not be judged."""
    return f"# {title}: not judged\n\n{_clean(why)}\n"


def unjudged_junit(why: str, *, title: str) -> str:
    """Return what JUnit XML says of a gate that could not be judged: a test case with an error."""
    suite, root = _suites(title, tests=1, errors=1)
    case = ElementTree.SubElement(suite, "testcase", {"classname": title, "name": "the experiments"})
    ElementTree.SubElement(case, "error", {"message": _clean(why)})
    return _written(root)


def to_junit(report: GateReport, *, title: str) -> str:
    """Return a report as JUnit XML: a test case per check, failed where it did not hold."""
    failed = sum(not one.passed for one in report.checks)
    suite, root = _suites(title, tests=len(report.checks), failures=failed)
    for one in report.checks:
        case = ElementTree.SubElement(suite, "testcase", {"classname": title, "name": one.name})
        if not one.passed:
            ElementTree.SubElement(case, "failure", {"message": _clean(one.words)}).text = _clean(_worst(report))
        ElementTree.SubElement(case, "system-out").text = _clean(one.words)
    return _written(root)


def _suites(
    title: str, *, tests: int, failures: int = 0, errors: int = 0
) -> tuple[ElementTree.Element, ElementTree.Element]:
    """Return the suite to put test cases in, and the root that holds it."""
    counts = {"tests": str(tests), "failures": str(failures), "errors": str(errors)}
    root = ElementTree.Element("testsuites", {"name": "treadle", **counts})
    return ElementTree.SubElement(root, "testsuite", {"name": title, **counts}), root


def _written(root: ElementTree.Element) -> str:
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _worst(report: GateReport) -> str:
    regressed, _ = _changes(report)
    return "\n".join(
        f"row {row.row}: {_cell(row.input)} expected {_cell(row.expected)}, said {_cell(row.candidate_output)}"
        for row in regressed[:SHOWN]
    )


def _changes(report: GateReport) -> tuple[list[Change], list[Change]]:
    """Return the rows that got worse and those that got better, by the first scorer."""
    sign = 1 if report.comparisons[0].higher_is_better else -1
    worse = [row for row in report.changes if sign * row.candidate_score < sign * row.baseline_score]
    return worse, [row for row in report.changes if row not in worse]


def _cell(value: object) -> str:
    flat = " ".join(_clean("-" if value is None else str(value)).split()).replace("\\", "\\\\").replace("|", "\\|")
    return flat if len(flat) <= _LONGEST else flat[: _LONGEST - 1] + "…"


def _clean(text: str) -> str:
    """Return a text without what XML 1.0 has no place for."""
    return "".join(
        char
        if char in "\t\n\r" or "\x20" <= char <= "\ud7ff" or "\ue000" <= char <= "\ufffd" or char > "\uffff"
        else "\ufffd"
        for char in text
    )
