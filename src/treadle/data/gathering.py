"""Rows from traffic: what people corrected, or any selection of traces with what people said of them.

What the caller gave becomes the row's input (`input`, else a function's arguments, else what its first step was asked) and,
by their own names, its metadata, so that a prompt is filled in anew from them. Where each row is from goes beside them. An
application that marked a trace with `treadle.no_training` is obeyed: its rows are left out and counted. Masking is done where rows are joined, in curate.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from treadle.core.types import JsonObject, JsonValue
from treadle.data.types import MAX_SELECTED, CurateRequest, FeedbackRow
from treadle.feedback import service as feedback
from treadle.feedback.queues import service as queues
from treadle.feedback.types import Feedback, FeedbackFilter
from treadle.jobs.scope import RunScope
from treadle.traces import service as traces
from treadle.traces.types import Example, TraceFilter

AT_ONCE = 500
MOST_FEEDBACK = 100_000
MOST_TRACES_AT_ONCE = 500
SOURCE_RANK = {"human": 0, "code": 1, "user": 2, "signal": 3}
"""Whose word counts most about one answer: a reviewer's, a check's, the user's, an implicit signal."""


ADVICE = {
    "no_input": "neither their roots nor their steps say what was asked: let the function take it as an argument, or say it with "
    "span.set(input=...), and see that content is captured: treadle trace capture",
    "no_training": "the application marked them with treadle.no_training, which is obeyed; select others",
    "not_judged": "nobody said what is right: correct some, or keep those that nobody corrected with: "
    "treadle data curate NAME --unjudged keep",
    "failed": "the requests failed, and what came of them is never taken as right: correct some, or keep them without an answer "
    "with: treadle data curate NAME --unjudged keep",
    "not_found": "no trace has the id; see which there are with: treadle trace list",
}
"""What would make rows of traces that were left out, by reason."""


@dataclass
class Selection:
    """How rows were found, and why traces did not become rows."""

    is_asked: bool
    """Whether traces were selected; False when everything that was corrected is taken."""
    wanted: JsonValue = None
    """The filter, if it was one."""
    queue: str | None = None
    """The queue, if it was one."""
    num_selected: int = 0
    """Traces that were selected."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Why traces did not become rows, and how many: not_found, no_training, no_input, not_judged, failed."""

    def facts(self) -> JsonObject | None:
        """Return it for the version's recipe; None when nothing was selected or left out."""
        if not self.is_asked and not self.left_out:
            return None
        facts: JsonObject = {"num_selected": self.num_selected, "left_out": dict(sorted(self.left_out.items()))}
        facts |= {} if self.wanted is None else {"wanted": self.wanted}
        return facts if self.queue is None else facts | {"queue": self.queue}

    def advice(self) -> str:
        """Return what would make rows of what was left out most."""
        reason, _ = max(self.left_out.items(), key=lambda one: one[1], default=("", 0))
        return ADVICE.get(reason, "select others; see what there is with: treadle trace list")

    def left_out_in_words(self) -> str:
        """Return why traces did not become rows."""
        return ", ".join(f"{count:,} {reason}" for reason, count in sorted(self.left_out.items())) or "nothing matched"


async def gather(scope: RunScope, request: CurateRequest) -> tuple[list[FeedbackRow], Selection]:
    """Return rows for a request, oldest first, and what there is to say about the selection."""
    said = await _corrections(scope, request)
    wanted = None if request.wanted is None else request.wanted.model_dump(mode="json", exclude_none=True)
    is_asked = request.trace_ids is not None or request.wanted is not None or request.queue is not None
    selection = Selection(is_asked=is_asked, wanted=wanted, queue=request.queue)
    if request.queue is not None:
        chosen = sorted(await _in_queue(scope, request.queue))
    elif request.trace_ids is not None:
        chosen = sorted(set(request.trace_ids))
    elif request.wanted is not None:
        chosen = sorted(await _matching(scope, request.wanted))
    else:
        chosen = sorted(said)
    selection.num_selected = len(chosen)
    unjudged = request.unjudged if selection.is_asked else "leave_out"
    rows: list[FeedbackRow] = []
    for start in range(0, len(chosen), MOST_TRACES_AT_ONCE):
        asked = chosen[start : start + MOST_TRACES_AT_ONCE]
        found = await traces.get_many(scope.ctx, asked)
        refusing = await traces.list_refusing(scope.ctx, [one.trace_id for one in found])
        if missing := len(asked) - len(found):
            # Feedback may wait for its trace; a trace that was named and is not there is worth telling.
            selection.left_out.update({"not_found": missing} if selection.is_asked else {})
        for trace in found:
            row = _row_of(trace, said.get(trace.trace_id), take_answer=unjudged == "answer")
            if trace.trace_id in refusing:
                selection.left_out["no_training"] += 1
            elif isinstance(row, str):
                selection.left_out[row] += 1
            elif row.expected_output is None and unjudged != "keep":
                is_failed = unjudged == "answer" and trace.status != "ok"
                selection.left_out["failed" if is_failed else "not_judged"] += 1
            else:
                rows.append(row)
    if selection.is_asked:
        scope.log(f"{len(rows):,} of {len(chosen):,} selected traces taken; left out: {selection.left_out_in_words()}")
    else:
        why = f"; left out: {selection.left_out_in_words()}" if selection.left_out else ""
        scope.log(f"{len(rows):,} answers with a known right answer{why}")
    return rows, selection


def _row_of(trace: Example, judged: Feedback | None, *, take_answer: bool) -> FeedbackRow | str:
    """Return the row of a trace, or why it has none."""
    asked = trace.variables.get("input")
    if not isinstance(asked, str):
        asked = trace.input_text
    if not asked.strip():
        return "no_input"
    expected = judged.expected_output if judged else None
    if expected is None and take_answer and trace.status == "ok":
        expected = trace.output_text or None
    known: dict[str, JsonValue] = {
        "endpoint": trace.endpoint,
        "release_id": trace.release_id,
        "output": trace.output_text,
        "feedback_id": judged.feedback_id if judged else None,
        "judged_by": judged.source if judged else None,
    }
    # A prompt's variables are looked up in the metadata by name, so what the caller gave goes before what we know.
    given = {name: value for name, value in trace.variables.items() if name != "input"}
    metadata = {name: value for name, value in known.items() if value is not None} | given
    return FeedbackRow(trace_id=trace.trace_id, input=asked, expected_output=expected, metadata=metadata)


async def _corrections(scope: RunScope, request: CurateRequest) -> Mapping[str, Feedback]:
    """Read feedback that counts and says the right answer; of several about one trace the one whose word counts most."""
    wanted = FeedbackFilter(
        endpoint=request.endpoint, name=request.name, is_correction=True, is_of_whole=True, is_current=True
    )
    chosen: dict[str, Feedback] = {}
    cursor: str | None = None
    for _ in range(MOST_FEEDBACK // AT_ONCE):
        page = await feedback.list_feedback(scope.ctx, wanted, limit=AT_ONCE, cursor=cursor)
        for one in page.items:
            best = chosen.get(one.trace_id)
            counts_more = best is None or SOURCE_RANK[one.source] < SOURCE_RANK[best.source]
            if counts_more and (request.since is None or one.created_at >= request.since):
                chosen[one.trace_id] = one
        cursor = page.next_cursor
        if cursor is None:
            break
    return chosen


async def _in_queue(scope: RunScope, name: str) -> set[str]:
    """Return the traces of a queue's items, of pairs both."""
    found: set[str] = set()
    cursor: str | None = None
    while True:
        page = await queues.list_items(scope.ctx, name, limit=AT_ONCE, cursor=cursor)
        found |= {one for item in page.items for one in (item.trace_id, item.other_trace_id) if one is not None}
        cursor = page.next_cursor
        if cursor is None:
            return found


async def _matching(scope: RunScope, wanted: TraceFilter) -> Sequence[str]:
    """Return the newest traces that match."""
    found: list[str] = []
    cursor: str | None = None
    while len(found) < MAX_SELECTED:
        page = await traces.list_traces(scope.ctx, wanted, limit=AT_ONCE, cursor=cursor)
        found += [trace.trace_id for trace in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    return found[:MAX_SELECTED]
