"""What can go wrong with disks and databases, in words."""

from __future__ import annotations

import psycopg

from treadle.core.errors import Conflict, Denied, InvalidInput, NotFound, TreadleError, Unavailable


class DatabaseUnavailable(Unavailable):
    """PostgreSQL does not answer."""

    code = "storage.database_unavailable"


class DatabaseDenied(Denied):
    """The database's user may not make the roles and tables that Treadle needs."""

    code = "storage.database_denied"

    def __init__(self, user: str, database: str, why: str) -> None:
        super().__init__(
            f"PostgreSQL does not let its user '{user}' make what Treadle needs in the database '{database}' ({why.splitlines()[0]}); "
            f"an administrator of that server mends it with those of these that are missing: create role treadle_app nologin; "
            f'create role treadle_system nologin; grant treadle_app, treadle_system to "{user}"; '
            f'alter database "{database}" owner to "{user}"',
            user=user,
            database=database,
        )


class DiskFull(Unavailable):
    """No room left where the workspace or the database lives."""

    code = "storage.disk_full"


class BlobNotFound(NotFound):
    """No file with this digest."""

    code = "storage.blob_not_found"


class ValueRefused(InvalidInput):
    """A value that PostgreSQL cannot keep: a text with NUL or half of a surrogate pair, a number out of range."""

    code = "storage.value_refused"


class WorkedElsewhere(Conflict):
    """Another process does the work of this database."""

    code = "storage.worked_elsewhere"

    def __init__(self, process: str) -> None:
        super().__init__(
            f"process {process} does the work of this database, and only one may: use its server by setting TREADLE_URL to its "
            f"address and TREADLE_API_KEY to a key of it, or stop it and try again",
            process=process,
        )


REFUSED_VALUES = (
    psycopg.errors.UntranslatableCharacter,
    psycopg.errors.CharacterNotInRepertoire,
    psycopg.errors.InvalidTextRepresentation,
    psycopg.errors.NumericValueOutOfRange,
    UnicodeEncodeError,
)


def in_words(error: psycopg.Error | UnicodeEncodeError) -> TreadleError | None:
    """Return our error for a database error that the user can act on, or None for a fault of ours."""
    # psycopg itself raises DataError, and no subclass of it, for a NUL in a text.
    if isinstance(error, REFUSED_VALUES) or type(error) is psycopg.DataError:
        return ValueRefused(
            "a value of this request cannot be kept: texts may hold neither the character NUL (\\u0000) nor half of a surrogate "
            "pair, and whole numbers must fit 64 bits; correct it and send the request again"
        )
    if isinstance(error, psycopg.errors.DiskFull):
        return DiskFull(
            "the database's disk is full and nothing of this request was kept; free some space, then repeat it; "
            "see how much is left with: treadle doctor"
        )
    if isinstance(error, (psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction)):
        return DatabaseUnavailable(
            "the database does not answer, so nothing of this request was kept; "
            "it is tried again by itself; if it lasts, look with: treadle doctor"
        )
    return None
