"""The card of a model version: rendered from recorded facts, never from hopes. Pure.

Sections follow Mitchell et al. 2019, "Model Cards for Model Reporting": details, data, training, measurements, limits.
One section is ours: what was *not* measured, from a list of things that people tend to assume.
"""

from __future__ import annotations

from collections.abc import Sequence

from treadle.core.types import JsonObject
from treadle.models.types import Card, Fact, Measurement, Version

USUAL_QUESTIONS = (
    ("exact_match", "test", "exact match on rows it never saw"),
    ("toxicity", "", "toxic or offensive answers"),
    ("bias", "", "unequal treatment of groups of people"),
    ("robustness", "", "behaviour under typing errors, other languages or hostile input"),
    ("calibration", "", "whether its confidence means anything"),
)
"""(measurement name, part or any, words): named on a card unless a measurement with that name exists."""
NO_LICENCE = "none stated; ask whoever registered it before you pass it on"
TRAINING_FACTS = {
    "method": "method",
    "steps": "optimiser steps",
    "planned_steps": "planned steps",
    "stopped_early": "stopped early",
    "best_step": "best step, whose weights these are",
    "training_tokens": "tokens read",
    "tokens_per_second": "tokens per second",
    "seconds": "seconds of training",
    "trainable_parameters_count": "weights trained",
}


def card_of(version: Version, measured: Sequence[Measurement]) -> Card:
    """Compose a version's card from its description and measurements."""
    made_from = _made_from(version)
    training = [
        Fact(name=words, value=_say(version.facts[key]))
        for key, words in TRAINING_FACTS.items()
        if key in version.facts
    ]
    recipe = version.facts.get("recipe")
    if isinstance(recipe, dict):
        training.append(Fact(name="recipe", value=", ".join(f"{key} {_say(value)}" for key, value in recipe.items())))
    draft = Card(
        model_version_id=version.model_version_id,
        title=f"{version.model_name} v{version.version}",
        summary=summary_of(version),
        made_from=made_from,
        training=training,
        measurements=list(measured),
        checks=_checks(version.facts),
        limits=version.limits,
        not_measured=not_measured(measured),
        licence=version.licence or NO_LICENCE,
        files=version.files,
        markdown="",
    )
    return draft.model_copy(update={"markdown": render(draft)})


def summary_of(version: Version) -> str:
    """Say in one sentence what a version is."""
    if version.provider is not None:
        return f"A pointer to '{version.provider.model}', which {version.provider.provider} runs; we hold no weights."
    size = (
        f"{version.parameters_count / 1e6:.1f} million weights"
        if version.parameters_count
        else "weights of unknown number"
    )
    how = "tuned from another version" if version.base_version_id else "not tuned for any task"
    context = f", at most {version.context_length} tokens per request" if version.context_length else ""
    return f"A language model with {size}, {how}{context}."


def not_measured(measured: Sequence[Measurement]) -> list[str]:
    """Name the usual questions that no measurement answers."""
    return [
        words
        for name, part, words in USUAL_QUESTIONS
        if not any(one.name == name and part in ("", one.part) for one in measured)
    ]


def render(card: Card) -> str:
    """Write a card as Markdown."""
    lines = [f"# {card.title}", "", card.summary, "", f"Licence: {card.licence}.", ""]
    lines += _section("Made from", [f"- {fact.name}: {fact.value}" for fact in card.made_from])
    lines += _section("Training", [f"- {fact.name}: {fact.value}" for fact in card.training])
    lines += _section("Measured", _measured_table(card.measurements) or ["Nothing has been measured yet."])
    lines += _section("Checked", [f"- {fact.name}: {fact.value}" for fact in card.checks])
    lines += _section("Limits", [f"- {limit}" for limit in card.limits])
    lines += _section("Not measured", [f"- {question}" for question in card.not_measured])
    lines += _section("Files", [f"- `{file.path}`, {file.size_bytes:,} bytes, `{file.digest}`" for file in card.files])
    return "\n".join(lines).rstrip() + "\n"


def _section(title: str, body: Sequence[str]) -> list[str]:
    return [f"## {title}", "", *body, ""] if body else []


def _measured_table(measured: Sequence[Measurement]) -> list[str]:
    if not measured:
        return []
    rows = [
        f"| {one.name} | {one.value:.3f}{_interval(one)} | {one.part} | {one.rows_count:,} | `{one.source_id}` |"
        for one in measured
    ]
    return ["| metric | value (95 % interval) | part | rows | measured by |", "|---|---|---|---|---|", *rows]


def _interval(one: Measurement) -> str:
    return f" ({one.low:.3f} to {one.high:.3f})" if one.low is not None and one.high is not None else ""


def _made_from(version: Version) -> list[Fact]:
    pairs = (
        ("base model version", version.base_version_id),
        ("dataset version", version.dataset_version_id),
        ("prompt version", version.prompt_version_id),
        ("run", version.run_id),
    )
    terms = {"dataset version": version.facts.get("dataset_licence")}
    return [
        Fact(name=name, value=f"`{value}`" + (f", licence {terms[name]}" if terms.get(name) else ""))
        for name, value in pairs
        if value
    ]


def _checks(facts: JsonObject) -> list[Fact]:
    found = []
    comparison = facts.get("comparison")
    if isinstance(comparison, dict):
        found.append(
            Fact(
                name="export against weights",
                value=(
                    f"on {comparison['rows_count']} rows the largest log-probability difference is "
                    f"{comparison['max_difference']:.4f} nats (allowed {comparison['allowed_difference']}), same top token "
                    f"{comparison['argmax_agreement']:.1%}, same prompt tokens {comparison['tokens_identical']:.1%}"
                ),
            )
        )
    preflight = facts.get("preflight")
    if isinstance(preflight, dict):
        found.append(
            Fact(
                name="pre-flight",
                value=f"{preflight['rows_count']:,} rows, {preflight['answer_tokens']:,} tokens learned, no problem found",
            )
        )
    return found


def _say(value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)
