"""SDK: traces of production, one trace as a tree, where an answer came from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from treadle.client.calls import Call, Send, only
from treadle.core.types import Page
from treadle.guards.capture import Capture as Level
from treadle.jobs.types import Run
from treadle.lineage.types import Graph
from treadle.traces.asking.types import (
    Listed,
    LookedPage,
    NewExport,
    NewView,
    Party,
    PartyPage,
    SpanLine,
    TraceChart,
    TraceTree,
    View,
)
from treadle.traces.capture.types import Capture, KeptCapture
from treadle.traces.types import (
    Accepted,
    Imported,
    KeptRetention,
    Lag,
    Retention,
    Span,
    Trace,
    TraceDetail,
    TraceFilter,
)

_REASONS = 10


class Traces:
    """`client.traces`"""

    def __init__(self, send: Send, url: str) -> None:
        self._send = send
        self._door = f"{url}/v1/traces"

    def list_(
        self,
        wanted: TraceFilter | str | None = None,
        *,
        limit: int = 50,
        cursor: str | None = None,
        sort: Literal["newest", "latency", "cost"] = "newest",
    ) -> LookedPage[Trace]:
        """Return traces that match, newest first. wanted: fields, or a filter in words such as 'status:error latency>2s'.

        sort: 'latency' or 'cost' give the largest first, of the time that the filter names or else of the last day.
        """
        told = TraceFilter(q=wanted) if isinstance(wanted, str) else wanted or TraceFilter()
        query = told.model_dump(mode="json") | {"limit": limit, "cursor": cursor, "sort": sort}
        return self._send(Call("GET", "/traces", LookedPage[Trace], query=query))

    def chart(self, wanted: TraceFilter | str | None = None, *, bars: int = 48) -> TraceChart:
        """Return the traces that match over time: of the time that the filter names, or else of the last day that had any."""
        told = TraceFilter(q=wanted) if isinstance(wanted, str) else wanted or TraceFilter()
        return self._send(Call("GET", "/traces/chart", TraceChart, query=told.model_dump(mode="json") | {"bars": bars}))

    def list_spans(self, q: str = "", *, limit: int = 50, cursor: str | None = None) -> LookedPage[SpanLine]:
        """Return spans that match, newest stored first, without their content. q: as for traces, in words."""
        return self._send(Call("GET", "/spans", LookedPage[SpanLine], query={"q": q, "limit": limit, "cursor": cursor}))

    def list_sessions(self, *, q: str | None = None, limit: int = 50, cursor: str | None = None) -> PartyPage:
        """Return sessions with what they came to, those that were seen last first. q: a part of the name."""
        return self._send(Call("GET", "/sessions", PartyPage, query={"q": q, "limit": limit, "cursor": cursor}))

    def get_session(self, name: str) -> Party:
        """Return what one session came to. Raises NotFound."""
        return self._send(Call("GET", f"/sessions/{quote(name, safe='')}", Party))

    def list_users(self, *, q: str | None = None, limit: int = 50, cursor: str | None = None) -> PartyPage:
        """Return end users with what their traces came to, those that were seen last first. q: a part of the name."""
        return self._send(Call("GET", "/users", PartyPage, query={"q": q, "limit": limit, "cursor": cursor}))

    def get_user(self, name: str) -> Party:
        """Return what one end user's traces came to. Raises NotFound."""
        return self._send(Call("GET", f"/users/{quote(name, safe='')}", Party))

    def get(self, trace_id: str) -> TraceDetail:
        """Return one trace with its spans as a tree. Raises NotFound."""
        return self._send(Call("GET", f"/traces/{trace_id}", TraceDetail))

    def tree(
        self,
        trace_id: str,
        *,
        parent_id: str | None = None,
        levels: int | None = None,
        limit: int = 200,
        cursor: str | None = None,
    ) -> TraceTree:
        """Return a page of a trace's spans as a tree, without content. Raises NotFound."""
        query = {"parent_id": parent_id, "levels": levels, "limit": limit, "cursor": cursor}
        return self._send(Call("GET", f"/traces/{trace_id}/tree", TraceTree, query=query))

    def get_span(self, trace_id: str, span_id: str) -> Span:
        """Return one span with its content. Raises NotFound."""
        return self._send(Call("GET", f"/traces/{trace_id}/spans/{span_id}", Span))

    def list_views(
        self, *, q: str | None = None, subject: Listed | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[View]:
        """Return kept filters, the caller's and those that are shared, by name; q: in the name; of one list where it is named."""
        query = {"q": q, "subject": subject, "limit": limit, "cursor": cursor}
        return self._send(Call("GET", "/views", Page[View], query=query))

    def get_view(self, name: str) -> View:
        """Return one kept filter. Raises NotFound."""
        return self._send(Call("GET", f"/views/{name}", View))

    def put_view(self, name: str, new: NewView, *, if_revision: str | None = None, if_new: bool = False) -> View:
        """Keep a filter under a name, replacing what it was.

        if_revision: what was read, so that nothing that was changed meanwhile is lost. if_new: replace none. Raises InvalidInput, Conflict,
        Outdated.
        """
        return self._send(Call("PUT", f"/views/{name}", View, body=new, headers=only(if_revision, if_new=if_new)))

    def delete_view(self, name: str) -> None:
        """Forget a filter. Raises NotFound."""
        self._send(Call("DELETE", f"/views/{name}", type(None)))

    def start_export(self, new: NewExport) -> Run:
        """Start writing what a filter finds into a file; wait for it with `client.runs.wait`. Raises InvalidInput."""
        return self._send(Call("POST", "/traces/exports", Run, body=new))

    def save_export(self, run_id: str, file: Path) -> None:
        """Write the file of an export that has ended well to a place of yours, as it comes. Raises NotFound, Conflict."""
        self._send(Call("GET", f"/traces/exports/{run_id}/file", type(None), save_to=file))

    def lineage(self, trace_id: str) -> Graph:
        """Return what made an answer, back to the rows, and which data it became part of. Raises NotFound."""
        return self._send(Call("GET", f"/traces/{trace_id}/lineage", Graph))

    def import_spans(self, requests: Iterable[dict[str, Any]]) -> Imported:
        """Send export requests as OTLP's JSON has them. What is there already stays as it is: safe to repeat.

        `treadle.traces.importers.sources.requests_of` makes them from files of Langfuse, Phoenix, MLflow and collectors.
        """
        spans, refused, reasons = 0, 0, list[str]()
        for request in requests:
            answer = self._send(Call("POST", self._door, Accepted, body=request))
            parts = [part for group in request["resourceSpans"] for part in group.get("scopeSpans") or ()]
            spans += sum(len(part.get("spans") or ()) for part in parts)
            if answer.partialSuccess is not None:
                refused += answer.partialSuccess.rejectedSpans
                reasons.append(answer.partialSuccess.errorMessage)
        return Imported(spans_count=spans - refused, refused_count=refused, reasons=reasons[:_REASONS])

    def lag(self) -> Lag:
        """Return how far signals and search are behind what is stored."""
        return self._send(Call("GET", "/traces/lag", Lag))

    def retention(self) -> KeptRetention:
        """Return how long the project keeps its spans."""
        return self._send(Call("GET", "/traces/retention", KeptRetention))

    def set_retention(
        self,
        days: int | None,
        *,
        archive: bool = False,
        archive_days: int | None = None,
        if_revision: str | None = None,
    ) -> KeptRetention:
        """Keep spans so many days from now on, or for good.

        archive: write days to the object store before they are forgotten. archive_days: until they are forgotten there, too.
        if_revision: what was read, so that nothing that others changed meanwhile is lost. Raises Outdated.
        """
        new = Retention(days=days, archive=archive, archive_days=archive_days)
        return self._send(Call("PUT", "/traces/retention", KeptRetention, body=new, headers=only(if_revision)))

    def capture(self) -> KeptCapture:
        """Return how much content the project lets its applications send."""
        return self._send(Call("GET", "/traces/capture", KeptCapture))

    def set_capture(self, level: Level, *, if_revision: str | None = None) -> KeptCapture:
        """Let applications send no content ('off'), masked content, or all ('on'); with our SDK they follow in a minute."""
        new = Capture(capture=level)
        return self._send(Call("PUT", "/traces/capture", KeptCapture, body=new, headers=only(if_revision)))
