"""What a child process does for a fill: texts to vectors, vectors to a choice. JSON in, JSON out."""

from __future__ import annotations

from treadle.core.types import JsonObject
from treadle.feedback.selection import Pool
from treadle.feedback.selection import choose as choose_answers
from treadle.jobs.child import Report


def choose(spec: JsonObject, report: Report) -> JsonObject:
    """Choose answers to judge. spec: texts, labels, spreads, waiting (places), reference (texts), num, mix, seed. Returns choices [place, reason, score].

    Raises EmbedderMissing.
    """
    from treadle.embeddings.minilm import load_minilm

    texts, reference = list(map(str, spec["texts"])), list(map(str, spec["reference"]))  # type: ignore[call-overload]
    embedder = load_minilm(needed_for="active learning")
    report.progress(0.1, f"embedding {len(texts) + len(reference):,} texts")
    pool = Pool(
        vectors=embedder.embed(texts),
        labels=spec["labels"],  # type: ignore[arg-type]
        spreads=spec["spreads"],  # type: ignore[arg-type]
        reference=embedder.embed(reference) if reference else None,
        waiting=frozenset(spec["waiting"]),  # type: ignore[call-overload]
    )
    report.progress(0.8, "choosing")
    chosen = choose_answers(pool, int(str(spec["num"])), mix=spec["mix"], seed=int(str(spec["seed"])))  # type: ignore[arg-type]
    return {"choices": [[one.place, one.reason, one.score] for one in chosen]}
