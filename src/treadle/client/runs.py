"""SDK: runs, their logs and curves."""

from __future__ import annotations

import time
from collections.abc import Callable

from treadle.client.calls import Call, Send
from treadle.core.errors import TreadleError, rebuild
from treadle.core.types import Page
from treadle.jobs.types import FINAL, LogLine, MetricPoint, Run, RunStatus


def error_of(run: Run) -> TreadleError:
    """Return why a run did not end well, as the kind of error that its doer raised."""
    if run.error is None:
        return TreadleError(f"run '{run.run_id}' was {run.status}", code=f"jobs.{run.status}")
    return rebuild(**run.error.model_dump())


class Runs:
    """`client.runs`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def list_(
        self,
        *,
        kind: str | None = None,
        status: RunStatus | None = None,
        q: str | None = None,
        is_step: bool | None = None,
        parent_run_id: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Run]:
        """Return runs, newest first; with a parent, its steps in order. `q`: part of a title, or an id; `is_step`: False for whole pieces of work."""
        query = {
            "kind": kind,
            "status": status,
            "q": q,
            "is_step": is_step,
            "parent_run_id": parent_run_id,
            "limit": limit,
            "cursor": cursor,
        }
        return self._send(Call("GET", "/runs", Page[Run], query=query))

    def get(self, run_id: str) -> Run:
        """Return a run. Raises NotFound."""
        return self._send(Call("GET", f"/runs/{run_id}", Run))

    def logs(self, run_id: str, *, after: int = 0) -> list[LogLine]:
        """Return what a run said after a sequence number. Raises NotFound."""
        return self._send(Call("GET", f"/runs/{run_id}/logs", list[LogLine], query={"after": after}))

    def metrics(self, run_id: str) -> list[MetricPoint]:
        """Return a run's curves. Raises NotFound."""
        return self._send(Call("GET", f"/runs/{run_id}/metrics", list[MetricPoint]))

    def cancel(self, run_id: str) -> Run:
        """Stop a run and its steps. Raises NotFound."""
        return self._send(Call("POST", f"/runs/{run_id}/cancel", Run))

    def retry(self, run_id: str) -> Run:
        """Have a run that failed or was cancelled go on where it stopped. Raises NotFound, Conflict where it cannot."""
        return self._send(Call("POST", f"/runs/{run_id}/retry", Run))

    def wait(
        self, run_id: str, *, on_change: Callable[[Run], None] | None = None, interval_seconds: float = 0.2
    ) -> Run:
        """Wait until a run ended well and return it. Raises the kind of error that it failed with."""
        while True:
            run = self.get(run_id)
            if on_change is not None:
                on_change(run)
            if run.status in FINAL:
                break
            time.sleep(interval_seconds)
        if run.status != "succeeded":
            raise error_of(run)
        return run
