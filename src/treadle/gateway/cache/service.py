"""See what the cache does, clear it, and choose a threshold from past requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from treadle.core.sequence import share_bounds
from treadle.core.types import JsonValue
from treadle.embeddings.types import Embedder
from treadle.gateway import store as gateway
from treadle.gateway.cache import store
from treadle.gateway.cache.store import Checked, Counted, Held
from treadle.gateway.cache.trust import (
    ALPHA,
    Threshold,
    choose_threshold,
    is_too_wrong,
    pairs_needed,
    replayed,
)
from treadle.gateway.cache.types import CacheStats, Calibration, Cleared, NewCalibration
from treadle.gateway.types import CachePolicy
from treadle.governance import audit
from treadle.http.context import Context
from treadle.storage.database import Connection
from treadle.traces import service as traces
from treadle.traces.types import TraceFilter

_PAGE = 200


async def list_stats(ctx: Context) -> list[CacheStats]:
    """Return what the cache did, by endpoint; those without any are not listed."""
    ctx.require("releases.read")
    now = ctx.clock.now()

    def read(db: Connection) -> list[CacheStats]:
        held = {each.endpoint: each for each in store.list_held(db, now)}
        counts = {each.endpoint: each for each in store.list_counts(db)}
        policies = {each.name: each.cache for each in gateway.list_endpoints(db)}
        checks = {each.endpoint: each for each in _of_now(store.list_checks(db), policies)}
        return [
            _stats(name, held.get(name), counts.get(name), checks.get(name), policies.get(name, CachePolicy()))
            for name in sorted({*held, *counts, *checks})
        ]

    return await ctx.db.read(read)


async def clear(ctx: Context, endpoint: str) -> Cleared:
    """Forget every answer of an endpoint, its counts and its checks; every gateway does within a second. Safe to repeat."""
    ctx.require("releases.write")

    def write(db: Connection) -> Cleared:
        cleared = Cleared(endpoint=endpoint, entries=store.purge(db, ctx.project_id, endpoint, ctx.clock.now()))
        detail: dict[str, JsonValue] = {"entries": cleared.entries}
        audit.record(db, ctx, action="cache.clear", object_id=endpoint, detail=detail)
        return cleared

    return await ctx.db.write(write)


async def calibrate(
    ctx: Context, endpoint: str, new: NewCalibration, *, load: Callable[[], Embedder] | None = None
) -> Calibration:
    """Choose a threshold from an endpoint's newest requests, as if each had been answered from those before it.

    Requests are compared by their last question; conversations that differ before it are never shared when serving, so
    the share that would be served is an upper bound. load: the embedder, the embedded one unless given. Raises
    EmbedderMissing. Cost: 10 ms of CPU for each request, in a thread.
    """
    ctx.require("releases.read")
    ctx.require("traces.read")
    asked = await _past(ctx, endpoint, new.last)
    chosen = await asyncio.to_thread(_choose, asked, new.max_wrong_rate, load or _load)
    return Calibration(
        endpoint=endpoint,
        requests=len(asked),
        threshold=None if chosen.value is None else round(chosen.value, 6),
        served_share=chosen.served / len(asked) if asked else 0.0,
        served=chosen.served,
        wrong=chosen.wrong,
        wrong_rate_high=chosen.highest,
        reason=None if chosen.value is not None else _reason(len(asked), new.max_wrong_rate),
    )


async def _past(ctx: Context, endpoint: str, last: int) -> list[tuple[str, str]]:
    """Return question and answer of the newest good requests, oldest first."""
    wanted, cursor = TraceFilter(endpoint=endpoint, status="ok"), None
    ids: list[str] = []
    while len(ids) < last:
        page = await traces.list_traces(ctx, wanted, limit=min(_PAGE, last - len(ids)), cursor=cursor)
        ids += [trace.trace_id for trace in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    found = await traces.get_many(ctx, ids)
    asked = [(example.variables.get("input"), example.output_text) for example in found]
    return [(question, answer) for question, answer in asked if isinstance(question, str) and question and answer]


def _choose(asked: Sequence[tuple[str, str]], max_wrong_rate: float, load: Callable[[], Embedder]) -> Threshold:
    if len(asked) < 2:
        return choose_threshold([], max_wrong_rate)
    embedder = load()
    questions = embedder.embed([question for question, _ in asked])
    answers = embedder.embed([answer for _, answer in asked])
    pairs = replayed(questions, [answer for _, answer in asked], answers)
    # Exactly the same question is the exact cache's; it says nothing about similar ones.
    return choose_threshold([pair for pair in pairs if pair.similarity < 0.99999], max_wrong_rate)


def _load() -> Embedder:
    from treadle.embeddings.minilm import load_minilm  # heavy: NumPy and the weights

    return load_minilm(needed_for="choosing a threshold for similar answers")


def _reason(requests: int, max_wrong_rate: float) -> str:
    needed = pairs_needed(max_wrong_rate)
    if requests <= needed:
        return (
            f"{requests} past requests are too few: at least {needed + 1} are needed for a wrong rate of at most "
            f"{max_wrong_rate:g}; let traffic come in, look at more with --last, or allow more"
        )
    return (
        f"similar questions had other answers too often: at no similarity is a wrong rate of at most {max_wrong_rate:g} "
        "sure; use the exact cache, or allow more"
    )


def _of_now(checks: Sequence[Checked], policies: Mapping[str, CachePolicy]) -> list[Checked]:
    """Return the checks at the threshold that an endpoint goes by; of one that goes by none, all."""
    thresholds = {name: policy.threshold for name, policy in policies.items()}
    return [each for each in checks if thresholds.get(each.endpoint) in (None, each.threshold)]


def _stats(
    name: str, held: Held | None, counts: Counted | None, checks: Checked | None, policy: CachePolicy
) -> CacheStats:
    counts = counts or Counted(name)
    hits = counts.exact_hits + counts.semantic_hits
    looks = hits + counts.misses
    checked, wrong = (0, 0) if checks is None else (checks.checked, checks.wrong)
    interval = share_bounds(wrong, checked, ALPHA)
    return CacheStats(
        endpoint=name,
        entries=0 if held is None else held.entries,
        size_bytes=0 if held is None else held.size_bytes,
        exact_hits=counts.exact_hits,
        semantic_hits=counts.semantic_hits,
        misses=counts.misses,
        hit_rate=hits / looks if looks else None,
        threshold=None if checks is None else checks.threshold,
        checked=checked,
        wrong=wrong,
        wrong_rate_low=interval.low,
        wrong_rate_high=interval.high,
        max_wrong_rate=policy.max_wrong_rate,
        gives_similar=not is_too_wrong(wrong, checked, policy.max_wrong_rate),
    )
