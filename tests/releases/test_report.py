"""The responsible-AI report of a release: it says what was not measured, and whatever people wrote stays text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from tests.releases.studio import Studio
from treadle.core.errors import NotFound
from treadle.releases.types import NewRelease

HOSTILE = '<script>alert("x")</script> | [click](javascript:alert(1)) \u202egnp <img src=x onerror=alert(2)>\n# heading'


def test_bare_release_says_what_nobody_measured(studio: Studio) -> None:
    """
    Without experiments, guards, gates and approvals every section says so, and the page says it at its end.
    """
    release = studio.release("base", approved=False)

    report = studio.releases.get_report(release.release_id)

    missing = "\n".join(report.not_measured)
    for what in (
        "no experiment of its parts has finished", "unequal treatment of groups of people", "nobody has approved it",
        "no gate has compared it", "no guard of the release masks or blocks anything in its input", "no safety evaluation",
        "what base v1 was trained on", "nobody stated it", "monitors, feedback and incidents", "no conformity assessment",
    ):  # fmt: skip
        assert what in missing
    assert ["What it is", "Data", "Evaluations", "Bias", "Guards", "Limits", "Gates and approvals"] == [
        section.title for section in report.sections
    ]
    assert "## What was not measured" in report.markdown
    with pytest.raises(NotFound):
        studio.releases.get_report("rel_none")


def test_report_holds_evidence_and_approvals(studio: Studio) -> None:
    """
    Figures with their intervals, the gate's checks, who approved and why; experiments of other parts are not in it.
    """
    rows = studio.dataset_version([(f"row {number}", "yes", "test") for number in range(100)])
    release = studio.release("base", approved=False)
    own = studio.experiment(release, [False] * 20 + [True] * 80, dataset=rows)
    other = studio.experiment(None, [False] * 80 + [True] * 20, dataset=rows)
    studio.releases.evaluate_gate(release.release_id, baseline_id=other, candidate_id=own)
    studio.releases.approve(release.release_id)

    report = studio.releases.get_report(release.release_id)

    sections = {section.title: section for section in report.sections}
    ((name, experiment_id, _, scorer, figure),) = sections["Evaluations"].tables[0].rows
    assert ("rehearsal", own, "exact_match") == (name, experiment_id, scorer)
    assert figure.startswith("80.0 % (95 % interval 71.1 to 86.7) over 100 rows")
    assert "passed" == sections["Gates and approvals"].tables[0].rows[0][1]
    assert any(line.startswith("Approved by") for line in sections["Gates and approvals"].lines)
    assert "support v1" in sections["Data"].tables[0].rows[0][0]
    assert "nobody has approved it" not in "\n".join(report.not_measured)
    assert "Data: the licence of support v1" in report.not_measured
    assert other not in report.markdown.replace("\\", "")


def test_hostile_names_stay_text(studio: Studio) -> None:
    """
    A name, notes and a reason that are HTML and Markdown make no element, no link and no heading; the page allows no script.
    """
    release = studio.releases.create(
        NewRelease(name=HOSTILE[:90], model_version_id=studio.model_version("base"), notes=HOSTILE)
    )
    studio.releases.approve(release.release_id, override_reason=HOSTILE)

    page = studio.releases.get_report_page(release.release_id)
    markdown = studio.releases.get_report(release.release_id).markdown

    seen = _Seen()
    seen.feed(page)
    assert set() == seen.tags & {"script", "img", "a", "iframe", "object", "link", "form"}
    assert set() == {name for name in seen.attributes if name.startswith("on") or name in ("href", "src")}
    assert "\u202e" not in page + markdown
    assert "http://" not in page
    assert "https://" not in page
    assert not re.search(r"(?<!\\)<(?:script|img)", markdown)
    assert not re.search(r"(?<!\\)\]\(", markdown)
    assert 1 == sum(line.startswith("# ") for line in markdown.splitlines())


class _Seen(HTMLParser):
    """Collects what elements and attributes a page has."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
