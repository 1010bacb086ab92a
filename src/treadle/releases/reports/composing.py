"""Compose the report of a release from what is recorded of it. Pure: evidence in, sections out.

What goes in follows model cards (Mitchell et al. 2019), the instructions for use of the EU AI Act's Article 13 (data, accuracy,
groups of people, known limits, human oversight) and the measure function of NIST's AI RMF (what was not measured is said).
It claims no conformity with any of them: it is made of what the platform knows, and what it does not know is a line too.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from treadle.data.types import Version as DataVersion
from treadle.evals.bias.types import BiasReport, StereotypeReport
from treadle.evals.comparisons.verdict import amount
from treadle.evals.types import Experiment
from treadle.evals.words import metric_in_words
from treadle.models.types import Card, Version
from treadle.prompts.types import Safety
from treadle.releases.approvals.types import Standing
from treadle.releases.reports.types import ReleaseReport, Section, Table
from treadle.releases.types import Release

ALWAYS_UNKNOWN = (
    "what happens once it serves: monitors, feedback and incidents are not part of a report of a release",
    "whether its use is fit and lawful where it is used: that is for people to judge; this report is no conformity assessment",
)


class Part(NamedTuple):
    """A model version that may answer."""

    version: Version
    card: Card


class Evidence(NamedTuple):
    """All that is recorded of a release."""

    release: Release
    models: list[Part]
    data: dict[str, DataVersion | None]
    """Dataset version id to what is known of it; None for one that is gone."""
    used_by: dict[str, list[str]]
    """Dataset version id to what it was used for, in words."""
    experiments: list[Experiment]
    """Finished ones of the release's own parts."""
    stated: list[Experiment]
    """Finished ones of an endpoint or a function, that whoever ran them says are of this release."""
    biases: list[BiasReport]
    stereotypes: list[StereotypeReport]
    safety: Safety | None
    """The prompt version's newest safety evaluation."""
    standings: list[Standing]
    """How it stands in each environment."""
    unread: list[str]
    """Why experiments over rows for bias give no figure."""
    is_all: bool
    """False where there are more experiments than were read."""


def compose(evidence: Evidence, *, now: datetime) -> ReleaseReport:
    """Return the report, without its Markdown."""
    release = evidence.release
    sections = [
        _what_it_is(evidence),
        _data(evidence),
        _evaluations(evidence),
        _bias(evidence),
        _guards(evidence),
        _limits(evidence),
        _approvals(evidence),
    ]
    missing = [f"{section.title}: {what}" for section in sections for what in section.not_measured]
    return ReleaseReport(
        release_id=release.release_id,
        title=f"{release.name} v{release.version}",
        made_at=now,
        sections=sections,
        not_measured=[*missing, *ALWAYS_UNKNOWN],
        markdown="",
    )


def _what_it_is(evidence: Evidence) -> Section:
    release, manifest = evidence.release, evidence.release.manifest
    lines = [
        f"Release {release.release_id}, bundled {_when(release.created_at)} by {release.created_by}; digest {release.digest}.",
        f"Model version {manifest.model_version_id}, prompt version {manifest.prompt_version_id or 'none'}, parameters {manifest.parameters}.",
    ]
    lines += [part.card.summary for part in evidence.models]
    lines += [f"Answered by {target.provider} {target.model}." for target in manifest.targets]
    if release.notes:
        lines.append(f"Notes: {release.notes}")
    missing = [] if release.notes else ["nobody wrote what it is for and what changed (notes)"]
    return _section("What it is", lines, missing=missing)


def _data(evidence: Evidence) -> Section:
    rows, missing = [], []
    for version_id, uses in evidence.used_by.items():
        version = evidence.data.get(version_id)
        if version is None:
            missing.append(f"dataset version {version_id} ({', '.join(uses)}) is not here any more")
            continue
        title = f"{version.dataset} v{version.version}"
        rows.append([title, version_id, f"{version.num_rows:,}", version.licence or "none stated", ", ".join(uses)])
        if version.licence is None:
            missing.append(f"the licence of {title}")
        if not version.has_profile:
            missing.append(f"what {title} is like (duplicates, languages, personal data): it was not explored")
    for part in evidence.models:
        if part.version.dataset_version_id is None:
            title = f"{part.version.model_name} v{part.version.version}"
            missing.append(f"what {title} was trained on: it was not trained here, or nobody recorded it")
    table = Table(headers=["dataset version", "id", "rows", "licence", "used for"], rows=rows)
    return _section("Data", [] if rows else ["No dataset is recorded."], [table] if rows else [], missing)


def _evaluations(evidence: Evidence) -> Section:
    rows, missing = [], []
    for one, whose in [
        *((one, "") for one in evidence.experiments),
        *((one, " (as stated)") for one in evidence.stated),
    ]:
        for metric in one.metrics:
            rows.append(
                [f"{one.name}{whose}", one.experiment_id, one.part or "all rows", metric.name, metric_in_words(metric)]
            )
            if metric.judge is not None and metric.judge.calibration_id is None:
                missing.append(f"whether people agree with the judge '{metric.name}' of {one.experiment_id}")
            if metric.unscored:
                missing.append(
                    f"{metric.unscored} rows of {one.experiment_id} by '{metric.name}': they could not be judged"
                )
        if one.errors:
            missing.append(f"{one.errors} rows of {one.experiment_id}: the target gave no answer")
    lines = [
        "Intervals are at 95 %. 'As stated' is an experiment of an endpoint or a function that names this release."
    ]
    if not rows:
        lines = ["No finished experiment is of this release's parts."]
        missing.append("how well it answers: no experiment of its parts has finished")
    if evidence.release.manifest.guards and evidence.experiments and not evidence.stated:
        missing.append(
            "its answers with its guards: experiments of its parts ask the model with the prompt, without guards"
        )
    if not evidence.is_all:
        missing.append("older experiments: only the newest were read")
    scorers = {metric.name for one in (*evidence.experiments, *evidence.stated) for metric in one.metrics}
    for names, what in (
        ({"faithfulness", "context_similarity"}, "hallucination and faithfulness to passages"),
        ({"calibration_error", "brier"}, "whether its confidence means anything"),
        ({"clean"}, "personal data and secrets in its answers"),
        ({"toxicity", "not_toxic"}, "toxic or offensive answers"),
        ({"latency"}, "how long answers take"),
    ):
        if not names & scorers:
            missing.append(what)
    if not any(name.startswith("human:") for name in scorers):
        missing.append("what people say of its answers")
    tables = [Table(headers=["experiment", "id", "rows", "scorer", "figure"], rows=rows)] if rows else []
    return _section("Evaluations", lines, tables, missing)


def _bias(evidence: Evidence) -> Section:
    lines: list[str] = []
    tables: list[Table] = []
    missing: list[str] = []
    for report in evidence.biases:
        lines.append(
            f"{report.experiment_id}: {report.words}. The chance of any false finding among its {report.tests} comparisons is "
            f"at most {report.alpha:g}."
        )
        lines += [
            f"{cover.attribute}: {cover.sets} sets of {', '.join(cover.groups)}; the answers of {cover.changed} sets were not all alike."
            for cover in report.covers
        ]
        rows = [
            [
                one.attribute,
                f"{one.group} against {one.against}",
                one.scorer,
                f"{amount(one.mean, one.unit)} against {amount(one.others, one.unit)}",
                "-"
                if one.low is None or one.high is None
                else f"{amount(one.low, one.unit)} to {amount(one.high, one.unit)}",
                f"{one.p_adjusted:.3f}",
                "-" if one.detectable is None else amount(one.detectable, one.unit),
                one.verdict,
            ]
            for one in report.comparisons
        ]
        headers = [
            "attribute",
            "group",
            "scorer",
            "means",
            "difference, 95 %",
            "p, corrected",
            "could have seen",
            "shown",
        ]
        tables.append(Table(headers=headers, rows=rows))
        missing += report.not_measured
    for figures in evidence.stereotypes:
        lines.append(f"{figures.experiment_id}, {figures.form} ({figures.source}): {figures.words}.")
        missing += figures.not_measured
    missing += evidence.unread
    if not lines:
        lines.append("Nobody has measured whether its answers depend on whom a text speaks of.")
        missing.append("unequal treatment of groups of people; measure it with: treadle bias make")
    elif not evidence.biases:
        missing.append("its own use: stereotypes in a published benchmark are not how it treats people here")
    return _section("Bias", lines, tables, list(dict.fromkeys(missing)))


def _guards(evidence: Evidence) -> Section:
    manifest, missing = evidence.release.manifest, []
    rows = [[guard.name, guard.check, guard.stage, guard.action] for guard in manifest.guards]
    for stage in ("input", "output"):
        if not any(guard.stage == stage and guard.action != "allow" for guard in manifest.guards):
            missing.append(f"no guard of the release masks or blocks anything in its {stage}")
    lines = [] if rows else ["The release has no guards; an endpoint or a gateway may add some."]
    if manifest.prompt_version_id is None:
        missing.append("there is no prompt, so none was attacked")
    elif evidence.safety is None:
        missing.append("whether its prompt withstands attacks (injection, leakage, jailbreaks): no safety evaluation")
    else:
        safety = evidence.safety
        held = ", ".join(
            f"{name} {'not judged' if share is None else f'{share:.0%}'}" for name, share in safety.packs.items()
        )
        lines.append(
            f"Safety evaluation {safety.safety_id} of its prompt {'passed' if safety.passed else 'did not pass'}, asked through "
            f"endpoint {safety.endpoint}: {held} held."
        )
        missing += [
            f"attacks of pack '{name}': nothing could be judged"
            for name, share in safety.packs.items()
            if share is None
        ]
        missing.append("attacks that are in no pack, and the model behind another endpoint than the one attacked")
    tables = [Table(headers=["guard", "check", "stage", "on a hit"], rows=rows)] if rows else []
    return _section("Guards", lines, tables, missing)


def _limits(evidence: Evidence) -> Section:
    lines, missing = [], []
    for part in evidence.models:
        title = f"{part.version.model_name} v{part.version.version}"
        lines.append(f"{title}: licence {part.card.licence}")
        lines += [f"{title}: {limit}" for limit in part.card.limits]
        if part.version.context_length:
            lines.append(f"{title}: at most {part.version.context_length:,} tokens per request.")
        if not part.card.limits:
            missing.append(f"what {title} should not be used for: nobody stated it")
        missing += [f"{title} by itself: {what}" for what in part.card.not_measured]
    return _section("Limits", lines, missing=missing)


def _approvals(evidence: Evidence) -> Section:
    release, missing = evidence.release, []
    lines = [
        f"Approved by {one.actor_name} ({one.kind}, {one.role or 'role not kept'}) {_when(one.approved_at)}"
        + (f", although the gate did not pass: {one.override_reason}" if one.override_reason else "")
        + "."
        for one in release.approvals
    ]
    lines += [f"{standing.words}." for standing in evidence.standings]
    rows = [[gate.name, gate.result, check.name, "yes" if check.passed else "no", check.words] for gate in release.gates for check in gate.checks]  # fmt: skip
    if not release.gates:
        missing.append("no gate has compared it with what served before")
    missing += [f"gate '{gate.name}' failed" for gate in release.gates if gate.result == "failed"]
    if not release.approvals:
        missing.append("nobody has approved it")
    if any(one.override_reason for one in release.approvals):
        missing.append("it was approved without a passed gate, for the reason above")
    if release.approvals and all(one.kind != "person" for one in release.approvals):
        missing.append("no person has approved it")
    tables = [Table(headers=["gate", "result", "check", "held", "by which numbers"], rows=rows)] if rows else []
    return _section("Gates and approvals", lines, tables, missing)


def _section(title: str, lines: Sequence[str], tables: Sequence[Table] = (), missing: Sequence[str] = ()) -> Section:
    return Section(title=title, lines=list(lines), tables=list(tables), not_measured=list(missing))


def _when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
