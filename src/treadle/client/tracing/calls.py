"""`treadle.trace`: a span around a function, a generator, a coroutine, or a block.

A generator's span is around its own code only, not around that of whoever reads it between two items; it ends when the
generator does. What is said about a call never changes the call: its arguments, result and exceptions pass through.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Collection, Generator, Mapping
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, overload

from treadle.client.tracing.process import take, who_am_i
from treadle.client.tracing.snapshot import is_telling
from treadle.client.tracing.spans import KINDS, Kind, Span, leave
from treadle.core.errors import InvalidInput

P = ParamSpec("P")
R = TypeVar("R")
_MAX_PIECES = 10_000


class Trace:
    """What `treadle.trace(...)` gives: put it over a function, or use it once in a `with` or `async with`."""

    def __init__(
        self,
        name: str | None,
        kind: Kind,
        session_id: str | None,
        user_id: str | None,
        attributes: Mapping[str, Any] | None,
        ignore: Collection[str],
        content: bool,
    ) -> None:
        self._name, self._kind, self._session_id, self._user_id = name, kind, session_id, user_id
        self._attributes, self._ignore, self._content = attributes, frozenset(ignore), content
        self._entered: tuple[Span, Any] | None = None

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Put a span around every call of a function. Raises InvalidInput for a kind that there is not."""
        if self._kind not in list(KINDS):
            raise InvalidInput(f"kind is '{self._kind}'; it is one of {', '.join(KINDS)}", code="tracing.kind")
        return _wrapped(function, self)

    def __enter__(self) -> Span:
        span = self.start(self._name or "block")
        self._entered = (span, span.enter())
        return span

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        assert self._entered is not None
        span, entered = self._entered
        leave(entered)
        if error is not None:
            span.fail(error)
        span.end()

    async def __aenter__(self) -> Span:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, stack: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, stack)

    def start(self, name: str) -> Span:
        """Return a fresh span."""
        wanted = who_am_i()
        span = Span(
            name,
            kind=self._kind,
            session_id=self._session_id,
            user_id=self._user_id,
            resource=wanted or (),
            take=None if wanted is None else take,
        )
        return span.set(self._attributes) if self._attributes else span

    def name_of(self, function: Callable[..., Any]) -> str:
        """Return what the spans of a function are called."""
        return self._name or getattr(function, "__qualname__", type(function).__name__).replace(".<locals>", "")

    def recorder_of(self, function: Callable[..., Any]) -> Callable[[Span, tuple[Any, ...], dict[str, Any]], None]:
        """Return what records the arguments of a call by their names."""
        if not self._content:
            return lambda span, args, kwargs: None
        try:
            signature = inspect.signature(function)
        except (TypeError, ValueError):
            return lambda span, args, kwargs: _record(span, {"args": list(args), **kwargs})
        names = list(signature.parameters)
        hidden = self._ignore | {name for name in names[:1] if name in ("self", "cls")}

        spread = [name for name, one in signature.parameters.items() if one.kind is one.VAR_KEYWORD]

        def record(span: Span, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            try:
                given = signature.bind(*args, **kwargs).arguments
            except TypeError:
                return  # the call itself is about to say so
            for name in spread:
                given |= given.pop(name, {})
            _record(span, {name: value for name, value in given.items() if name not in hidden})

        return record

    def result(self, span: Span, value: Any) -> None:
        """Record what a call gave."""
        if self._content and value is not None:
            span.set(output=value)


@overload
def trace(function: Callable[P, R], /) -> Callable[P, R]: ...


@overload
def trace(
    name: str | None = None,
    /,
    *,
    kind: Kind = "chain",
    session_id: str | None = None,
    user_id: str | None = None,
    attributes: Mapping[str, Any] | None = None,
    ignore: Collection[str] = (),
    content: bool = True,
) -> Trace: ...


def trace(
    name: str | Callable[P, R] | None = None,
    /,
    *,
    kind: Kind = "chain",
    session_id: str | None = None,
    user_id: str | None = None,
    attributes: Mapping[str, Any] | None = None,
    ignore: Collection[str] = (),
    content: bool = True,
) -> Trace | Callable[P, R]:
    """Put a span around a function (`@treadle.trace`, `@treadle.trace("answer", kind="agent")`) or a block.

    kind: one of `KINDS`; another is refused over a function, and in a block, which may be deep in running code, it counts as
    'chain' and is told in the log. session_id, user_id: spans inside inherit them. attributes: said of each span. ignore: arguments that are not
    recorded. content: False records neither arguments nor result. Adds well under a millisecond; never waits.
    """
    if callable(name):
        return _wrapped(name, Trace(None, "chain", None, None, None, (), True))
    return Trace(name, kind, session_id, user_id, attributes, ignore, content)


def _record(span: Span, given: Mapping[str, Any]) -> None:
    if given:
        span.set(input={name: "[HIDDEN]" if is_telling(name) else value for name, value in given.items()})


def _wrapped(function: Callable[P, R], how: Trace) -> Callable[P, R]:
    if inspect.isasyncgenfunction(function):
        wrapped: Callable[..., Any] = _async_generator(function, how)
    elif inspect.isgeneratorfunction(function):
        wrapped = _generator(function, how)
    elif inspect.iscoroutinefunction(function):
        wrapped = _coroutine(function, how)
    else:
        wrapped = _function(function, how)
    return functools.wraps(function)(wrapped)


def _function(function: Callable[..., Any], how: Trace) -> Callable[..., Any]:
    name, record = how.name_of(function), how.recorder_of(function)

    def call(*args: Any, **kwargs: Any) -> Any:
        span = how.start(name)
        record(span, args, kwargs)
        entered = span.enter()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            span.fail(error)
            raise
        else:
            how.result(span, result)
            return result
        finally:
            leave(entered)
            span.end()

    return call


def _coroutine(function: Callable[..., Any], how: Trace) -> Callable[..., Any]:
    name, record = how.name_of(function), how.recorder_of(function)

    async def call(*args: Any, **kwargs: Any) -> Any:
        span = how.start(name)
        record(span, args, kwargs)
        entered = span.enter()
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            span.fail(error)
            raise
        else:
            how.result(span, result)
            return result
        finally:
            leave(entered)
            span.end()

    return call


def _generator(function: Callable[..., Any], how: Trace) -> Callable[..., Any]:
    name, record = how.name_of(function), how.recorder_of(function)

    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        span = how.start(name)
        record(span, args, kwargs)
        pieces: list[Any] = []
        with span.active():
            inner = function(*args, **kwargs)
        step, given = inner.send, None
        try:
            while True:
                try:
                    with span.active():
                        item = step(given)
                except StopIteration as end:
                    return end.value
                _keep(pieces, item)
                try:
                    step, given = inner.send, (yield item)
                except GeneratorExit:
                    with span.active():
                        inner.close()
                    raise
                except BaseException as error:
                    step, given = inner.throw, error
        except GeneratorExit:
            raise  # whoever read it had enough: no error
        except BaseException as error:
            span.fail(error)
            raise
        finally:
            how.result(span, _joined(pieces))
            span.end()

    return call


def _async_generator(function: Callable[..., Any], how: Trace) -> Callable[..., Any]:
    name, record = how.name_of(function), how.recorder_of(function)

    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        span = how.start(name)
        record(span, args, kwargs)
        pieces: list[Any] = []
        with span.active():
            inner = function(*args, **kwargs)
        step, given = inner.asend, None
        try:
            while True:
                try:
                    with span.active():
                        item = await step(given)
                except StopAsyncIteration:
                    return
                _keep(pieces, item)
                try:
                    step, given = inner.asend, (yield item)
                except GeneratorExit:
                    with span.active():
                        await inner.aclose()
                    raise
                except BaseException as error:
                    step, given = inner.athrow, error
        except GeneratorExit:
            raise
        except BaseException as error:
            span.fail(error)
            raise
        finally:
            how.result(span, _joined(pieces))
            span.end()

    return call


def _keep(pieces: list[Any], item: Any) -> None:
    if len(pieces) < _MAX_PIECES:
        pieces.append(item)


def _joined(pieces: list[Any]) -> Any:
    """Return the pieces of a stream as one: of texts the text."""
    return "".join(pieces) if pieces and all(isinstance(one, str) for one in pieces) else pieces or None
