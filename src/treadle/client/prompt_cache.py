"""Prompts for applications: fetched once, then answered from memory while a thread looks for news.

    prompt = client.get_prompt("greeting", label="production", fallback="prompts/greeting.json")
    messages = prompt.fill(name="Ada")

Only the first call for a name waits for the server, and where there is a fallback for at most two seconds. After that nothing
waits: an answer older than `fresh_seconds` is given all the same and renewed beside it, by one thread for all prompts. While
the server is away the last known version keeps being given; before there is one, the fallback: a file written by
`treadle prompt export NAME --format treadle`, packaged with the application.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from treadle.core.errors import InvalidInput, TreadleError, Unavailable
from treadle.core.types import JsonValue
from treadle.prompts.types import Version

FRESH_SECONDS = 60.0
RETRY_SECONDS = 5.0
"""Wait after a refresh that failed."""
PATIENCE_SECONDS = 2.0
"""For the first answer, where there is a fallback."""

Fetch = Callable[[str, str], Version]


@dataclass(frozen=True)
class ServedPrompt:
    """A prompt as an application uses it."""

    version: Version
    """What it says."""
    source: Literal["server", "fallback"]
    """Whether the server said so, now or earlier, or a file of the application's own."""

    def fill(self, **variables: JsonValue) -> list[dict[str, str]]:
        """Return the messages filled in, as they would be sent: [{'role', 'content'}]. Raises VariableMissing.

        Fixed examples stand in the text; of those chosen for each request the first are shown, unless `examples` is given.
        Raises InvalidInput for a Jinja prompt, which only a server fills in: `client.prompts.render`.
        """
        from treadle.prompts.render import render

        if self.version.engine != "mustache":
            raise InvalidInput(
                f"prompt '{self.version.prompt_name}' is written in Jinja, which runs in the server's sandbox only; "
                f"fill it in with: client.prompts.render",
                code="client.prompt_engine",
            )
        examples = self.version.examples
        if examples is not None and "examples" not in variables:
            variables["examples"] = [row.model_dump() for row in examples.rows[: examples.count]]
        return render(self.version.messages, variables)


@dataclass
class _Known:
    prompt: ServedPrompt | None = None
    failure: TreadleError | None = None
    renew_at: float = 0.0
    under_way: Future[None] | None = None


class PromptCache:
    """Answers from memory. Thread-safe; its one thread starts with the first prompt."""

    def __init__(
        self,
        fetch: Fetch,
        *,
        fresh_seconds: float = FRESH_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._fresh_seconds = fresh_seconds
        self._patience_seconds = patience_seconds
        self._now = now
        self._known: dict[tuple[str, str], _Known] = {}
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None

    def get(self, name: str, label: str, fallback: Path | None) -> ServedPrompt:
        """Return a prompt. Raises NotFound and Denied as the server does, Unavailable where nothing at all is known."""
        with self._lock:
            known = self._known.setdefault((name, label), _Known())
            if known.under_way is None and self._now() >= known.renew_at:
                if self._pool is None:
                    self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="treadle-prompts")
                known.under_way = self._pool.submit(self._renew, name, label, known)
            if known.prompt is not None:
                return known.prompt
            under_way = known.under_way
        if under_way is not None:
            with suppress(NotInTime, TreadleError):
                under_way.result(timeout=None if fallback is None else self._patience_seconds)
        return self._first(name, known, fallback)

    def _first(self, name: str, known: _Known, fallback: Path | None) -> ServedPrompt:
        if known.prompt is not None:
            return known.prompt
        if fallback is not None and (known.failure is None or not _is_refusal(known.failure)):
            return ServedPrompt(_read(fallback), "fallback")
        raise known.failure or Unavailable(
            f"prompt '{name}' is not known yet; give a fallback, or try again", code="client.prompt_unknown"
        )

    def close(self) -> None:
        """End the thread."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _renew(self, name: str, label: str, known: _Known) -> None:
        pause = RETRY_SECONDS
        try:
            version = self._fetch(name, label)
            known.prompt, known.failure, pause = ServedPrompt(version, "server"), None, self._fresh_seconds
        except TreadleError as error:
            known.failure = error
            raise
        finally:
            with self._lock:
                known.renew_at, known.under_way = self._now() + pause, None


def _is_refusal(error: TreadleError) -> bool:
    """Say whether the server answered, and no: then a fallback would hide a mistake."""
    return error.error_code in ("prompts.not_found", "prompts.version_not_found") or type(error).__name__ in (
        "Denied",
        "Unauthenticated",
        "InvalidInput",
    )


def _read(path: Path) -> Version:
    try:
        return Version.model_validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"the fallback '{path}' cannot be read as a prompt ({type(error).__name__}); write it with: "
            f"treadle prompt export NAME --format treadle --to {path.name}",
            code="client.prompt_fallback",
        ) from error
