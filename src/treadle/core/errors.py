"""The kinds of failure. A slice subclasses a kind; the kind decides HTTP status, exit code and retry.

A message has three parts: what failed with the value, what would have been right, the next step.
Never a secret, never the content of a prompt.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import ClassVar, TypedDict

from treadle.core.types import JsonObject, JsonValue


class TreadleError(Exception):
    """Anything Treadle refuses or fails to do, in words for the person who asked."""

    code: ClassVar[str] = "treadle.error"
    """Stable, dotted, documented in docs/errors.md; callers may match on it."""

    def __init__(self, message: str, *, code: str | None = None, **values: JsonValue) -> None:
        super().__init__(message)
        self.message = message
        self.error_code = code or type(self).code
        self.values = values
        """The facts behind the message, as JSON; shown beside it and usable by programs."""


class NotFound(TreadleError):
    """The named thing does not exist, or not for this actor."""

    code = "not_found"


class Conflict(TreadleError):
    """The thing exists already, or changed under the caller."""

    code = "conflict"


class Outdated(Conflict):
    """The thing is not as the caller said that it must be for the request."""

    code = "outdated"


class InvalidInput(TreadleError):
    """The request can never succeed as it is."""

    code = "invalid_input"


class Unauthenticated(TreadleError):
    """Nobody we know: no key, a wrong key, or one that has expired."""

    code = "unauthenticated"


class Denied(TreadleError):
    """A known actor without the permission."""

    code = "denied"


class LimitExceeded(TreadleError):
    """A quota or a rate is used up; the same request may succeed later."""

    code = "limit_exceeded"


class TooLarge(TreadleError):
    """A size is over its limit; only a smaller request can succeed."""

    code = "too_large"


class Unavailable(TreadleError):
    """Something we depend on does not answer now; a retry may succeed."""

    code = "unavailable"


class MissingExtra(TreadleError):
    """An optional part of Treadle is not installed."""

    code = "missing_extra"

    def __init__(self, extra: str, *, needed_for: str) -> None:
        super().__init__(
            f"{needed_for} needs the extra '{extra}', which is not installed; install it with: pip install 'treadle[{extra}]'",
            extra=extra,
        )


HTTP_STATUS: dict[type[TreadleError], int] = {
    InvalidInput: 422,
    Unauthenticated: 401,
    Denied: 403,
    NotFound: 404,
    Outdated: 412,
    Conflict: 409,
    TooLarge: 413,
    LimitExceeded: 429,
    MissingExtra: 501,
    Unavailable: 503,
    TreadleError: 500,
}
"""The one table from kind to HTTP status."""

EXIT_CODE: dict[type[TreadleError], int] = {
    InvalidInput: 2,
    TooLarge: 2,
    MissingExtra: 3,
    Unauthenticated: 4,
    Denied: 4,
    NotFound: 5,
    Outdated: 6,
    Conflict: 6,
    LimitExceeded: 7,
    Unavailable: 7,
    TreadleError: 1,
}
"""The one table from kind to the CLI's exit code; 8 is kept for a failed quality gate."""


def kind_of(error: TreadleError) -> type[TreadleError]:
    """Return the ground-floor kind that an error of any slice belongs to."""
    for parent in type(error).__mro__:
        if parent in HTTP_STATUS:
            return parent
    return TreadleError


KIND_BY_NAME: dict[str, type[TreadleError]] = {kind.__name__: kind for kind in HTTP_STATUS}
"""Kinds by their names, as runs and child processes write them down."""

KIND_BY_STATUS: dict[int, str] = {status: kind.__name__ for kind, status in HTTP_STATUS.items()}
"""The way back: the SDK raises the same kind that the server raised."""


class Described(TypedDict):
    """An error as JSON."""

    kind: str
    """The name of its kind."""
    message: str
    """Its words."""
    code: str
    """Its code."""
    values: JsonObject
    """Its facts."""


def describe(error: TreadleError) -> Described:
    """Return an error as JSON: what `rebuild` takes. Facts that are not JSON become their words."""
    return {
        "kind": kind_of(error).__name__,
        "message": error.message,
        "code": error.error_code,
        "values": json.loads(json.dumps(error.values, default=str)),
    }


def rebuild(kind: str, message: str, code: str, values: Mapping[str, JsonValue]) -> TreadleError:
    """Return the error that was described: by a child process, on a run, in a server's answer.

    It is of the kind it was raised as; a kind that this release does not know is a TreadleError. No constructor of a kind or
    a slice runs: what it would make of its arguments is in the message and the values already.
    """
    error = TreadleError.__new__(KIND_BY_NAME.get(kind, TreadleError), message)
    error.message, error.error_code, error.values = message, code, dict(values)
    return error
