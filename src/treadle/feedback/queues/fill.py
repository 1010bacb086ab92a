"""Fill a queue from traffic: the newest, a sample, or what active learning finds worth a person's time.

A run, because active learning embeds what was asked (in a child process) and reads what people said so far. After a kill
it is done again from the start, unless its items are in the queue already. It says how many answers it looked at and why
it did not take others: a person can judge nothing of a trace that tells neither what was asked nor what was answered.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from treadle.core.types import JsonObject, JsonValue
from treadle.feedback import service as feedback
from treadle.feedback.queues import service, store
from treadle.feedback.queues.types import Fill, NewItem, Queue, asked_of
from treadle.feedback.queues.work import require_queue
from treadle.feedback.types import Feedback, FeedbackFilter
from treadle.http.context import Context
from treadle.jobs import service as jobs
from treadle.jobs.scope import Handler, RunScope
from treadle.jobs.types import Run
from treadle.storage.database import Connection
from treadle.traces import service as traces
from treadle.traces.asking import views
from treadle.traces.types import Example, TraceFilter

FILL_KIND = "feedback.fill"
AT_ONCE = 500
MOST_SAMPLED = 50_000
"""Traces that a sample is drawn from: the newest that match."""
MOST_CONSIDERED = 2_000
"""Answers that active learning chooses among: the newest that match and are not in the queue. Embedding them takes 10 s."""
MOST_REFERENCE = 500
MOST_SAID = 100_000
WHY = {
    "uncertainty": "the judgements so far do not tell",
    "disagreement": "judges, or models, contradict each other",
    "diversity": "stands for others that nobody judged",
    "drift": "unlike what came before",
}
"""Why active learning took an answer, in words."""
WHY_NOT = {
    "in_queue": "in the queue already",
    "blank": "without anything asked or answered",
    "no_input": "without anything asked, which active learning goes by",
    "judged": "judged already",
}
"""Why answers that match were not taken, in words."""


@dataclass
class Looked:
    """What a fill looked at, and why it did not take some of that."""

    num_looked_at: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    def in_words(self, num_added: int) -> str:
        """Say what came of it, and, where nothing was added, what to do."""
        words = f"{num_added:,} added of {self.num_looked_at:,} looked at"
        if self.left_out:
            why = ", ".join(f"{count:,} {WHY_NOT[reason]}" for reason, count in self.left_out.most_common())
            words += f"; not taken: {why}"
        return words if num_added else f"{words}; {self._next()}"

    def _next(self) -> str:
        if not self.num_looked_at:
            return "nothing matches; see what there is with: treadle trace list"
        most = self.left_out.most_common(1)[0][0] if self.left_out else ""
        if most in ("blank", "no_input"):
            return "see what applications may send with: treadle trace capture, and what came with: treadle trace list"
        return "widen the filter, or wait for new answers"


async def start_fill(ctx: Context, name: str, fill: Fill) -> Run:
    """Start filling a queue. Raises QueueNotFound, ItemMisfit for a queue of pairs, ViewNotFound, ViewOfSpans."""
    ctx.require(service.MANAGE)
    ctx.require("traces.read")
    queue = await service.get_queue(ctx, name)
    if queue.mode == "pairwise":
        raise service.ItemMisfit(
            f"queue '{name}' compares two answers, and nothing here says which two; add pairs with: "
            f"treadle queue add {name} TRACE --against OTHER"
        )
    if fill.view is not None:
        fill = fill.model_copy(update={"wanted": await views.narrow(ctx, fill.wanted, fill.view)})
    params: JsonObject = {"queue": name, "fill": fill.model_dump(mode="json")}
    return await jobs.start(ctx, kind=FILL_KIND, title=f"Fill queue {name}", params=params)


async def fill_queue(scope: RunScope) -> dict[str, JsonValue]:
    """Do a 'feedback.fill' run. params: queue, fill."""
    ctx, name, fill = scope.ctx, str(scope.params["queue"]), Fill.model_validate(scope.params["fill"])

    def look(db: Connection) -> tuple[Queue, set[str], int]:
        queue = require_queue(db, ctx, name)
        return queue, store.list_trace_ids(db, queue.queue_id), store.count_of_run(db, scope.run_id)

    queue, known, num_before = await ctx.db.read(look)
    if num_before:
        return {"queue": name, "num_added": num_before}
    looked = Looked()
    chosen, facts = await _choose(scope, queue, fill, known, looked)
    num_added = 0
    if chosen:
        items = [NewItem(trace_id=trace_id, priority=fill.priority) for trace_id, _ in chosen]
        reasons = [reason for _, reason in chosen]
        num_added = (await service.add_items(ctx, name, items, reasons=reasons, run_id=scope.run_id)).num_added
    words = looked.in_words(num_added)
    scope.log(f"queue '{name}': {words}")
    left_out: dict[str, JsonValue] = dict(looked.left_out)
    told: dict[str, JsonValue] = {"num_looked_at": looked.num_looked_at, "left_out": left_out, "words": words}
    return {"queue": name, "num_added": num_added, **told, **facts}


HANDLERS: Mapping[str, Handler] = {FILL_KIND: fill_queue}


async def _choose(
    scope: RunScope, queue: Queue, fill: Fill, known: set[str], looked: Looked
) -> tuple[list[tuple[str, str]], dict[str, JsonValue]]:
    """Return what to take with the reason of each, and what there is to say about it."""
    if fill.strategy == "newest":
        found = await _find(scope.ctx, fill.wanted, known, fill.num, looked)
        return [(trace_id, "newest") for trace_id in found], {}
    if fill.strategy == "sample":
        found = await _find(scope.ctx, fill.wanted, known, MOST_SAMPLED, looked)
        drawn = random.Random(fill.seed).sample(sorted(found), min(fill.num, len(found)))
        return [(trace_id, f"sample of {len(found):,}") for trace_id in drawn], {"num_considered": len(found)}
    return await _learn(scope, queue, fill, known, looked)


async def _learn(
    scope: RunScope, queue: Queue, fill: Fill, known: set[str], looked: Looked
) -> tuple[list[tuple[str, str]], dict[str, JsonValue]]:
    ctx, label = scope.ctx, fill.label or asked_of(queue)[0].name
    said = await _said(ctx, label)
    told = {trace_id: agreed(voices) for trace_id, voices in said.items()}
    found = await _find(ctx, fill.wanted, known, MOST_CONSIDERED, looked)
    # What is in the queue has had its turn, judged or not; what was judged elsewhere teaches too.
    others = known | {trace_id for trace_id, (label_said, _) in told.items() if label_said is not None}
    beside = sorted(others - set(found))[-MOST_CONSIDERED:]
    rows = [row for row in await traces.get_many(ctx, [*found, *beside]) if row.input_text.strip()]
    labels = [told.get(row.trace_id, (None, None))[0] for row in rows]
    is_beside = set(beside)
    looked.left_out["no_input"] += len(found) - sum(row.trace_id not in is_beside for row in rows)
    looked.left_out["judged"] += sum(
        label is not None and row.trace_id not in is_beside for row, label in zip(rows, labels, strict=True)
    )
    looked.left_out = +looked.left_out
    waiting: list[JsonValue] = [
        place for place, row in enumerate(rows) if labels[place] is None and row.trace_id in is_beside
    ]
    num_open = labels.count(None) - len(waiting)
    facts: dict[str, JsonValue] = {"num_considered": num_open, "num_judged": len(told)}
    if not num_open:
        return [], {**facts, "reasons": {}}
    earlier: list[Example] = []
    if fill.drift_since is not None:
        window = fill.wanted.model_copy(update={"since": None, "until": fill.drift_since})
        earlier = await traces.get_many(ctx, await _find(ctx, window, set(), MOST_REFERENCE, Looked()))
    spec: JsonObject = {
        "texts": [row.input_text for row in rows],
        "labels": labels,
        "waiting": waiting,
        "spreads": [told.get(row.trace_id, (None, None))[1] for row in rows],
        "reference": [row.input_text for row in earlier if row.input_text.strip()],
        "num": fill.num,
        "mix": fill.mix,
        "seed": fill.seed,
    }
    made = await scope.child("treadle.feedback.queues.worker:choose", spec)
    choices = made["choices"]
    assert isinstance(choices, list)
    counts = Counter(str(reason) for _, reason, _ in choices)
    scope.log(f"chosen among {num_open:,} with {len(told):,} judged by '{label}': {dict(counts)}")
    taken = [(rows[place].trace_id, f"{reason}: {WHY[str(reason)]}") for place, reason, _ in choices]
    return taken, {**facts, "reasons": dict(counts)}


def agreed(voices: Sequence[Feedback]) -> tuple[str | None, float | None]:
    """Return what people agree on about an answer (None where they do not), and how far they are apart, 0-1.

    Numbers are apart by their scale; labels by the share that does not say what most say. One voice is apart from nobody.
    """
    words = [f"{one.value:g}" if one.label is None and one.value is not None else one.label for one in voices]
    spoken = [word for word in words if word is not None]
    if not spoken:
        return None, None
    numbers = [one.value for one in voices if one.value is not None]
    if len(numbers) == len(spoken):
        width = max([1.0, *(one.high - one.low for one in voices if one.high is not None and one.low is not None)])
        spread = min(1.0, (max(numbers) - min(numbers)) / width)
    else:
        spread = 1 - Counter(spoken).most_common(1)[0][1] / len(spoken)
    is_agreed = len(set(spoken)) == 1
    return spoken[0] if is_agreed else None, spread if len(spoken) > 1 else None


async def _find(ctx: Context, wanted: TraceFilter, known: set[str], most: int, looked: Looked) -> list[str]:
    """Return the newest traces that match, are not known and have something to judge; count what it looked at."""
    found: list[str] = []
    cursor: str | None = None
    while len(found) < most:
        page = await traces.list_traces(ctx, wanted, limit=AT_ONCE, cursor=cursor)
        for trace in page.items:
            if len(found) == most:
                break
            looked.num_looked_at += 1
            if trace.trace_id in known:
                looked.left_out["in_queue"] += 1
            elif not trace.input_text.strip() and not trace.output_text.strip():
                looked.left_out["blank"] += 1
            else:
                found.append(trace.trace_id)
        cursor = page.next_cursor
        if cursor is None:
            break
    return found


async def _said(ctx: Context, name: str) -> dict[str, list[Feedback]]:
    """Return what counts of what people and programs said under a name, by trace."""
    said: defaultdict[str, list[Feedback]] = defaultdict(list)
    cursor: str | None = None
    wanted = FeedbackFilter(name=name, is_current=True, is_of_whole=True)
    for _ in range(MOST_SAID // AT_ONCE):
        page = await feedback.list_feedback(ctx, wanted, limit=AT_ONCE, cursor=cursor)
        for one in page.items:
            said[one.trace_id].append(one)
        cursor = page.next_cursor
        if cursor is None:
            break
    return dict(said)
