"""What can be wrong with a file, its columns, its rows or a dataset's name: stable codes, facts, words for people.

Rows count from 1 and leave the header out, as people count; lines count every line of the file.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from treadle.core.errors import Conflict, InvalidInput, NotFound, TooLarge

SHOWN_NAMES = 12


class EmptyFile(InvalidInput):
    """A file without a single row."""

    code = "data.empty_file"


class FileUnreadable(InvalidInput):
    """A file that is not of the kind it should be: not Parquet, compressed, UTF-16, a JSON array."""

    code = "data.file_unreadable"


class ColumnMissing(InvalidInput):
    """The mapping names a column that the file does not have."""

    code = "data.column_missing"

    def __init__(self, column: str, found: Sequence[str]) -> None:
        close = find_close_name(column, found)
        guess = f" (did you mean '{close}'?)" if close else ""
        super().__init__(
            f"the file has no column '{column}'{guess}; it has {list_names(found)}; "
            "name the right ones with --input and --label",
            column=column,
            found=list(found),
        )


class ColumnsUnclear(InvalidInput):
    """No mapping was given and the columns do not tell what they are."""

    code = "data.columns_unclear"


class ColumnRepeated(InvalidInput):
    """Two columns with one name."""

    code = "data.column_repeated"


class LicenceDiffers(Conflict):
    """The same rows are there already, under another licence."""

    code = "data.licence_differs"


class LineTooLong(TooLarge):
    """A line or record over the limit; refused after reading no more than the limit."""

    code = "data.line_too_long"


class InvalidEncoding(InvalidInput):
    """Bytes that are not UTF-8, or a NUL byte."""

    code = "data.invalid_encoding"


class RowInvalid(InvalidInput):
    """A row that cannot be read as it stands: broken JSON, a wrong number of fields, a wrong type."""

    code = "data.row_invalid"


class OneLabelOnly(InvalidInput):
    """Every row has the same label, so there is nothing to learn or to split by."""

    code = "data.one_label"


class TooFewRows(InvalidInput):
    """Not enough rows for what was asked."""

    code = "data.too_few_rows"


class SettingsInvalid(InvalidInput):
    """A setting of a preparation that cannot be."""

    code = "data.settings_invalid"


class UploadTooLarge(TooLarge):
    """A file over the size limit of uploads."""

    code = "data.upload_too_large"


class UploadNotFound(NotFound):
    """No file that this project handed over has this digest."""

    code = "data.upload_not_found"


class DatasetNotFound(NotFound):
    """No dataset with this name."""

    code = "data.dataset_not_found"


class VersionNotFound(NotFound):
    """No such version of a dataset."""

    code = "data.version_not_found"


class NameTaken(Conflict):
    """A dataset with this name exists."""

    code = "data.name_taken"


class VersionMoved(Conflict):
    """Somebody made a newer version in between."""

    code = "data.version_moved"

    def __init__(self, dataset: str, *, newest: int, known: int) -> None:
        super().__init__(
            f"dataset '{dataset}' has version {newest} by now, and the edits knew of none after {known}; see what changed with: "
            f"treadle data diff {dataset} --version {newest} --against {known}; then lay the edits on the newest one",
            dataset=dataset,
            newest=newest,
            known=known,
        )


class EditsLost(Conflict):
    """Rows that edits name are gone from the version, or differ in it."""

    code = "data.edits_lost"

    def __init__(self, rows: Sequence[int]) -> None:
        shown = ", ".join(str(row) for row in rows[:SHOWN_NAMES])
        more = f" and {len(rows) - SHOWN_NAMES} more" if len(rows) > SHOWN_NAMES else ""
        super().__init__(
            f"the edited rows {shown}{more} are not in the version as they were when they were edited; look at them there, "
            "then leave those edits out or make them anew",
            rows=list(rows),
        )


class MapNotFound(NotFound):
    """A version whose texts have not been drawn as a map."""

    code = "data.map_not_found"


def find_close_name(wanted: str, names: Sequence[str]) -> str | None:
    """Find the name that was probably meant: the same but for case and spaces, else the nearest spelling."""
    for name in names:
        if name.strip().casefold() == wanted.strip().casefold():
            return name
    near = difflib.get_close_matches(wanted, names, n=1, cutoff=0.6)
    return near[0] if near else None


def list_names(names: Sequence[str]) -> str:
    """Write names in quotes, at most a dozen of them."""
    shown = ", ".join(f"'{name}'" for name in names[:SHOWN_NAMES])
    return shown + (f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else "")
