"""Compare two experiments within parts of their rows; the parts and the statistics are `slices.py`'s."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from treadle.embeddings.installed import is_installed
from treadle.evals.comparisons.comparing import reason_against
from treadle.evals.comparisons.pairing import (
    NotComparable,
    cluster_by_of,
    read_both,
    shared_scorers,
    stop_order_of,
)
from treadle.evals.comparisons.slices import compare_slices as compare_within
from treadle.evals.comparisons.slices import find_slices
from treadle.evals.comparisons.types import SliceKind, SliceReport
from treadle.evals.metrics import by_row
from treadle.evals.scorers import scorer_behind
from treadle.http.context import Context

SLICE_KINDS: tuple[SliceKind, ...] = ("metadata", "length", "language")
"""Parts that are made by default; topics take an embedding of every input."""


async def compare_slices(
    ctx: Context,
    baseline_id: str,
    candidate_id: str,
    *,
    by: Sequence[SliceKind] = SLICE_KINDS,
    scorer: str | None = None,
    alpha: float = 0.05,
    limit: int = 20,
) -> SliceReport:
    """Compare two finished experiments within parts of their rows, regressions first.

    by: what parts are made by; 'topic' embeds every input (5 ms each) and needs the embedded model. scorer: the first one
    that both have when None. Clusters and early stopping count as in a comparison of all rows. Raises ExperimentNotFound, NotComparable.
    """
    ctx.require("evals.read")
    both = await ctx.db.read(lambda db: read_both(db, baseline_id, candidate_id))
    stop_order = stop_order_of(both)
    shared = {choice.name: choice for choice in shared_scorers(both.baseline, both.candidate)}
    chosen = shared.get(scorer) if scorer else next(iter(shared.values()))
    if chosen is None:
        raise NotComparable(f"the experiments do not share the scorer '{scorer}'; they share: {', '.join(shared)}")
    if scorer_behind(chosen).combine is not None:
        raise NotComparable(
            f"'{chosen.name}' is a figure of all rows together, which parts are not compared by; name a scorer of rows",
            code="evals.corpus_slices",
        )

    def work() -> SliceReport:
        baseline, candidate, cluster_by = (
            by_row(both.baseline_results),
            by_row(both.candidate_results),
            cluster_by_of(both),
        )
        reason = reason_against(baseline, candidate, chosen, cluster_by, is_stopped=stop_order is not None)
        if reason is not None:
            raise NotComparable(f"the experiments cannot be compared by '{chosen.name}': {reason}")
        embed, left_out = None, [kind for kind in by if kind == "topic" and not is_installed()]
        if "topic" in by and not left_out:
            from treadle.embeddings.minilm import load_minilm  # heavy: NumPy and the weights

            embed = load_minilm(needed_for="slices by topic").embed
        from treadle.data.profile import languages_of  # heavy: the model of languages

        found = find_slices(candidate, by, languages_of=languages_of, embed=embed)
        compared = compare_within(
            baseline, candidate, chosen, found, alpha=alpha, cluster_by=cluster_by, stop_order=stop_order
        )
        return SliceReport(
            scorer=chosen.name, alpha=alpha, looked_at=len(compared), slices=compared[:limit], left_out=left_out
        )

    return await asyncio.to_thread(work)
