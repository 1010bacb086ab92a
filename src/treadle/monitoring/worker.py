"""What a drift window does in a child process: embed its texts, compare each channel with the reference, explain.

Vectors of the reference are kept beside it, so that they are made once. Nothing here reads the database.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from treadle.core.types import JsonObject
from treadle.jobs.child import Report
from treadle.monitoring.alarms import benjamini_hochberg
from treadle.monitoring.drift import LEAST_ROWS, make_reference, measure_shift
from treadle.monitoring.explain import explain

TEXTS = ("input", "output", "context")
EXPLAINED_BELOW = 0.05
LEAST_SPREAD = 0.05
"""Spread of a feature at the least: what never happened in the reference is not infinitely far from it."""
MAX_CHARACTERS = 4_000
REFUSAL = re.compile(
    r"\b(i['’]?m sorry,? but|i (can(no|['’])t|am (not able|unable) to|won['’]t) (help|assist|provide|answer|do|comply|share)"
    r"|as an ai( language)? model)",
    re.IGNORECASE,
)
"""English phrases that refusals begin with; finish reasons of providers are counted as signals elsewhere."""


def compare(spec: JsonObject, report: Report) -> JsonObject:
    """Compare a window with its reference, channel by channel.

    spec: `reference` and `window` (paths of JSON lists of rows: trace_id, input, output, context, scores), `vectors`
    (path of the reference's vectors, made where it is absent), `channels`, `seed`.
    Returns {"channels": [...]}; a channel with too few rows on either side says so and has no p-value.
    """
    reference = json.loads(Path(str(spec["reference"])).read_text("utf-8"))
    window = json.loads(Path(str(spec["window"])).read_text("utf-8"))
    wanted = [str(channel) for channel in spec["channels"]]  # type: ignore[attr-defined]
    rng = np.random.default_rng(int(str(spec["seed"])))
    kept = _reference_vectors(Path(str(spec["vectors"])), reference, [each for each in wanted if each in TEXTS])
    found: list[dict[str, Any]] = []
    for number, channel in enumerate(_spread(wanted, reference, window)):
        report.progress(number / (len(wanted) + 1), f"comparing {channel}")
        found.append(_compare(channel, reference, window, kept, rng))
    tested = [each for each in found if each["p_value"] is not None]
    for each, adjusted in zip(tested, benjamini_hochberg([each["p_value"] for each in tested]), strict=True):
        each["adjusted_p"] = adjusted
        if adjusted >= EXPLAINED_BELOW:
            each["explanation"] = None
    return {"channels": found}


def features_of(text: str) -> list[float]:
    """Return length, refusal and validity as JSON of an answer, as numbers."""
    try:
        json.loads(text)
        is_json = 1.0
    except (ValueError, RecursionError):
        is_json = 0.0
    return [math.log1p(len(text)), 1.0 if REFUSAL.search(text[:400]) else 0.0, is_json]


def _spread(wanted: list[str], reference: list[Any], window: list[Any]) -> list[str]:
    """Return the channels with 'scores' replaced by one for each score that both sides have."""
    names = {name for row in reference for name in row["scores"]} & {name for row in window for name in row["scores"]}
    channels = [channel for channel in wanted if channel != "scores"]
    return channels + ([f"scores:{name}" for name in sorted(names)[:10]] if "scores" in wanted else [])


def _compare(
    channel: str,
    reference: list[Any],
    window: list[Any],
    kept: dict[str, NDArray[np.float32]],
    rng: np.random.Generator,
) -> dict[str, Any]:
    before, now = _having(channel, reference), _having(channel, window)
    told: dict[str, Any] = {
        "channel": channel, "rows": len(now), "reference_rows": len(before), "p_value": None, "adjusted_p": None,
        "mmd2": None, "effect": None, "linear_p_value": None, "explanation": None,
    }  # fmt: skip
    if min(len(before), len(now)) < LEAST_ROWS:
        return told
    old: NDArray[Any]
    new: NDArray[Any]
    if channel in TEXTS:
        old, new = kept[channel], _embed([row[channel] for row in now])
    else:
        old, new = _numbers(channel, before), _numbers(channel, now)
        middle, spread = old.mean(axis=0), np.maximum(old.std(axis=0), LEAST_SPREAD)
        old, new = (old - middle) / spread, (new - middle) / spread
    shift = measure_shift(make_reference(old), new, rng=rng)
    told |= {
        "p_value": shift.p_value,
        "mmd2": shift.mmd2,
        "effect": shift.effect,
        "linear_p_value": shift.linear_p_value,
    }
    if shift.p_value < EXPLAINED_BELOW:
        told["explanation"] = _explained(channel, old, new, before, now, rng)
    return told


def _explained(
    channel: str, old: NDArray[Any], new: NDArray[Any], before: list[Any], now: list[Any], rng: np.random.Generator
) -> dict[str, Any]:
    if channel not in TEXTS:
        names = ["length", "refusal", "json_valid"] if channel == "features" else [channel.partition(":")[2]]
        means = [
            {"name": name, "reference": float(old[:, i].mean()), "window": float(new[:, i].mean())}
            for i, name in enumerate(names)
        ]
        return {"shifts_in_deviations": means}
    told = explain(old, new, [row[channel] for row in before], [row[channel] for row in now], rng=rng)
    return {
        "auc": told.auc,
        "trace_ids": [now[index]["trace_id"] for index in told.examples],
        "terms": [term._asdict() for term in told.terms],
        "clusters": [
            {
                "trace_id": (now if cluster.from_window else before)[cluster.example]["trace_id"],
                "window_share": cluster.window_share,
                "reference_share": cluster.reference_share,
                "residual": cluster.residual,
            }
            for cluster in told.clusters
        ],
    }


def _having(channel: str, rows: list[Any]) -> list[Any]:
    if channel.startswith("scores:"):
        return [row for row in rows if channel.partition(":")[2] in row["scores"]]
    return [row for row in rows if row["output" if channel == "features" else channel]]


def _numbers(channel: str, rows: list[Any]) -> NDArray[np.float64]:
    if channel == "features":
        return np.array([features_of(row["output"]) for row in rows])
    name = channel.partition(":")[2]
    return np.array([[float(row["scores"][name])] for row in rows])


def _reference_vectors(path: Path, reference: list[Any], channels: list[str]) -> dict[str, NDArray[np.float32]]:
    """Return the reference's vectors by channel: those that are kept, where they are of these very rows."""
    rows = {channel: _having(channel, reference) for channel in channels}
    ids = {f"{channel} ids": np.array([row["trace_id"] for row in rows[channel]], dtype="U32") for channel in channels}
    if path.exists():
        with np.load(path, allow_pickle=False) as kept:
            if all(name in kept and np.array_equal(kept[name], ids[name]) for name in ids):
                return {channel: kept[channel] for channel in channels}
    made = {channel: _embed([row[channel] for row in rows[channel]]) for channel in channels}
    waiting = path.with_suffix(".part.npz")
    np.savez(waiting, **made, **ids)  # type: ignore[arg-type]
    waiting.replace(path)
    return made


def _embed(texts: list[str]) -> NDArray[np.float32]:
    from treadle.embeddings.minilm import load_minilm

    if not texts:
        return np.zeros((0, 384), dtype=np.float32)
    embedder = load_minilm(needed_for="drift of texts")
    parts = [embedder.embed([text[:MAX_CHARACTERS] for text in texts[at : at + 64]]) for at in range(0, len(texts), 64)]
    return np.concatenate(parts)
