"""`treadle.instrument()`: switch on the instrumentors that OpenTelemetry and OpenInference have for installed libraries.

An application's own TracerProvider is used where it has one: ours is one more processor on it. Where it has none, the
instrumentors get a private one, so that nothing else of the application is caught and it may still set its own.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, distribution, entry_points
from typing import Any, Literal, NamedTuple

from treadle.client.tracing.instrumentors import LIBRARIES, Library
from treadle.client.tracing.process import flush, take, who_am_i
from treadle.core.errors import InvalidInput, MissingExtra

GROUP = "opentelemetry_instrumentor"
CONTENT_SWITCHES = {
    "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
}
"""With these, OpenTelemetry's instrumentors tell content, and on spans; how much of it leaves is for `capture` to say."""
_wired: dict[str, Any] = {}


class Instrumented(NamedTuple):
    """What was done."""

    wired: dict[str, str]
    """Library to the package that tells of it from now on."""
    missing: dict[str, str]
    """Library that is installed to the command that installs what tells of it."""
    failed: dict[str, str]
    """Library to why its instrumentor could not be switched on."""


def instrument(
    *,
    only: Collection[str] | None = None,
    prefer: Literal["openinference", "opentelemetry"] = "openinference",
    all_spans: bool = False,
    tracer_provider: Any = None,
) -> Instrumented:
    """Tell of the calls that installed libraries make to models. Safe to repeat.

    only: names of libraries; None means all that are known. prefer: whose, where both are installed. all_spans: also send spans that are not about models, such
    as those of databases and HTTP, where the application makes them. tracer_provider: the one to use, if not the global
    one. Raises InvalidInput for a library that nobody knows, MissingExtra without OpenTelemetry's SDK.
    """
    known = {library.name: library for library in LIBRARIES}
    unknown = sorted(set(only or ()) - set(known))
    if unknown:
        raise InvalidInput(
            f"there is no instrumentor known for '{unknown[0]}'; there are {', '.join(known)}", code="tracing.library"
        )
    who_am_i()  # decides where spans go, before the first one is made
    provider = _provider(tracer_provider, all_spans=all_spans)
    for name, value in CONTENT_SWITCHES.items():
        os.environ.setdefault(name, value)
    found = Instrumented({}, {}, {})
    points = _points()
    for library in LIBRARIES if only is None else [known[name] for name in only]:
        if _installed(library.distribution) is not None:
            _wire(library, prefer, points, provider, found)
    return found


def _wire(
    library: Library, prefer: str, points: dict[str, list[EntryPoint]], provider: Any, found: Instrumented
) -> None:
    packages = sorted(library.packages, key=lambda name: not name.startswith(prefer))
    package = next((one for one in packages if one in points), None)
    if package is None:
        found.missing[library.name] = f"pip install {library.packages[0]}"
        return
    try:
        for point in points[package]:
            if f"{package}:{point.name}" not in _wired:
                instrumentor = point.load()()
                instrumentor.instrument(tracer_provider=provider)
                _wired[f"{package}:{point.name}"] = instrumentor
        found.wired[library.name] = package
    except Exception as error:  # the border to other people's packages: one that does not fit must not stop the rest
        found.failed[library.name] = f"{package}: {type(error).__name__}: {error}"


def _provider(given: Any, *, all_spans: bool) -> Any:
    """Return the provider to use, with our processor on it, once."""
    try:
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider

        from treadle.client.tracing.processor import TreadleProcessor
    except ImportError as error:
        raise MissingExtra("tracing", needed_for="telling of other libraries' calls") from error
    provider = given if given is not None else trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = _wired.get("provider") or TracerProvider()
        _wired["provider"] = provider
    key = f"processor {id(provider)}"
    if key not in _wired:
        processor = TreadleProcessor(take, lambda seconds: flush(seconds).is_complete, all_spans=all_spans)
        provider.add_span_processor(processor)
        _wired[key] = (provider, processor)
    return provider


def _points() -> dict[str, list[EntryPoint]]:
    """Return instrumentors by the package that they come with."""
    found: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=GROUP):
        if point.dist is not None:
            found.setdefault(point.dist.name.lower().replace("_", "-"), []).append(point)
    return found


def _installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None
