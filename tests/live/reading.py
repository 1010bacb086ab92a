"""Reads a stream of changes as a browser does: over a real socket, in a thread, event by event."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple

import httpx2

PATIENCE_SECONDS = 60.0


class Told(NamedTuple):
    """One event."""

    name: str
    event_id: str | None
    data: dict[str, Any]


class Reader:
    """One open stream; what came is in `told`."""

    def __init__(
        self,
        url: str,
        key: str | None,
        *,
        page: str | None = None,
        last_event_id: str | None = None,
        cookie: str | None = None,
        recent_ms: int = 0,
    ) -> None:
        self._url = url
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        headers |= {} if last_event_id is None else {"last-event-id": last_event_id}
        headers |= {} if cookie is None else {"cookie": cookie}
        self._headers = headers
        self._params: dict[str, str | int] = {"recent_ms": recent_ms} | ({} if page is None else {"page": page})
        self.told: list[Told] = []
        self.num_heartbeats = 0
        self.status = 0
        self.is_over = False
        self._changed = threading.Condition()
        self._response: httpx2.Response | None = None
        self._thread = threading.Thread(target=self._read, name="reader of changes", daemon=True)

    def __enter__(self) -> Reader:
        self._thread.start()
        self.wait(lambda: self.is_over or any(one.name == "ready" for one in self.told), "the stream is not ready")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        response = self._response
        if response is not None and not self.is_over:
            stream = response.extensions.get("network_stream")
            if stream is not None:
                stream.get_extra_info("socket").shutdown(2)
        self._thread.join(timeout=PATIENCE_SECONDS)

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until something is so."""
        with self._changed:
            assert self._changed.wait_for(condition, timeout=PATIENCE_SECONDS), f"{what}: {self.told}"

    def wait_for(self, name: str, **facts: object) -> Told:
        """Wait for an event of this name with these facts, and return it."""

        def find() -> Told | None:
            return next((one for one in self.told if one.name == name and facts.items() <= one.data.items()), None)

        self.wait(lambda: find() is not None, f"no {name} {facts}")
        found = find()
        assert found is not None
        return found

    def changes(self) -> list[tuple[str, str | None, str]]:
        """Return what changed, in order."""
        return [
            (one.data["kind"], one.data["object_id"], one.data["how"])
            for one in list(self.told)
            if one.name == "change"
        ]

    def _read(self) -> None:
        try:
            with (
                httpx2.Client(trust_env=False, timeout=PATIENCE_SECONDS) as http,
                http.stream(
                    "GET", f"{self._url}/api/v1/changes", headers=self._headers, params=self._params
                ) as response,
            ):
                self._response = response
                self.status = response.status_code
                if response.is_success:
                    self._take(response)
        except httpx2.TransportError:
            pass
        finally:
            with self._changed:
                self.is_over = True
                self._changed.notify_all()

    def _take(self, response: httpx2.Response) -> None:
        name, event_id = "", None
        for line in response.iter_lines():
            with self._changed:
                if line.startswith(":"):
                    self.num_heartbeats += 1
                elif line.startswith("id: "):
                    event_id = line[4:]
                elif line.startswith("event: "):
                    name = line[7:]
                elif line.startswith("data: "):
                    self.told.append(Told(name, event_id, json.loads(line[6:])))
                    event_id = None
                self._changed.notify_all()
