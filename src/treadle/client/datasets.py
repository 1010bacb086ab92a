"""SDK: datasets, versions, examples, profiles, changes; importing, preparing, and traffic that goes back to data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from treadle.client.calls import Call, Send
from treadle.core.types import JsonValue, Page
from treadle.data.profile_types import Profile
from treadle.data.types import Change, CurateRequest, Dataset, Example, NewDataset, PrepareSettings, Version
from treadle.data.versions.types import DifferenceKind, DuplicateGroup, Edits, EmbeddingMap, VersionDifference
from treadle.jobs.types import Run

MOST_PER_PAGE = 500


class Datasets:
    """`client.datasets`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def list_(self, *, q: str | None = None, limit: int = 50, cursor: str | None = None) -> Page[Dataset]:
        """Return datasets by name. `q`: part of the name or of what it is for."""
        query = {"q": q, "limit": limit, "cursor": cursor}
        return self._send(Call("GET", "/datasets", Page[Dataset], query=query))

    def create(self, name: str, *, description: str = "") -> Dataset:
        """Make a dataset without versions. Raises Conflict when the name is taken."""
        return self._send(Call("POST", "/datasets", Dataset, body=NewDataset(name=name, description=description)))

    def get(self, name: str) -> Dataset:
        """Return a dataset. Raises NotFound."""
        return self._send(Call("GET", f"/datasets/{name}", Dataset))

    def list_versions(self, name: str, *, limit: int = 50, cursor: str | None = None) -> Page[Version]:
        """Return the versions of a dataset, newest first. Raises NotFound."""
        query = {"limit": limit, "cursor": cursor}
        return self._send(Call("GET", f"/datasets/{name}/versions", Page[Version], query=query))

    def get_version(self, name: str, version: int | str = "latest") -> Version:
        """Return a version by number, the newest by default. Raises NotFound."""
        return self._send(Call("GET", f"/datasets/{name}/versions/{version}", Version))

    def list_examples(
        self,
        name: str,
        version: int | str = "latest",
        *,
        part: str | None = None,
        label: str | None = None,
        text: str | None = None,
        row: int | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Example]:
        """Return rows of a version in order: of a part, with an expected output, with a text in them. Raises NotFound."""
        query = {"part": part, "label": label, "text": text, "row": row, "limit": limit, "cursor": cursor}
        return self._send(Call("GET", f"/datasets/{name}/versions/{version}/examples", Page[Example], query=query))

    def iter_examples(self, name: str, version: int | str = "latest", *, part: str | None = None) -> Iterator[Example]:
        """Yield every row of a version, or of a part of it, page by page. Raises NotFound."""
        found = self.get_version(name, version)
        cursor: str | None = None
        while True:
            page = self.list_examples(name, found.version, part=part, limit=MOST_PER_PAGE, cursor=cursor)
            yield from page.items
            if (cursor := page.next_cursor) is None:
                return

    def list_changes(
        self,
        name: str,
        version: int | str = "latest",
        *,
        action: str | None = None,
        reason: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Change]:
        """Return why rows were dropped, changed or flagged on the way to a version. Raises NotFound."""
        query = {"action": action, "reason": reason, "limit": limit, "cursor": cursor}
        return self._send(Call("GET", f"/datasets/{name}/versions/{version}/changes", Page[Change], query=query))

    def get_profile(self, name: str, version: int | str = "latest") -> Profile:
        """Return what a version is like. Raises NotFound when it has not been explored."""
        return self._send(Call("GET", f"/datasets/{name}/versions/{version}/profile", Profile))

    def get_report(self, name: str, version: int | str = "latest") -> str:
        """Return the profile as one HTML page. Raises NotFound when the version has not been explored."""
        return self._send(Call("GET", f"/datasets/{name}/versions/{version}/profile.html", str))

    def import_file(self, name: str, path: Path, *, mapping: Mapping[str, JsonValue] | None = None) -> Run:
        """Upload a file and start reading it into a version of a dataset, which is made when it does not exist.

        mapping: fields of treadle.data.types.Mapping as text (`input`, `expected_output`, `messages` ...), and
        `description` and `licence` (an SPDX id). The same rows again make no new version: the run's outputs say `is_new`.
        """
        return self._send(Call("POST", f"/datasets/{name}/imports", Run, body=mapping or {}, upload=path))

    def start_profile(self, name: str, version: int | str = "latest") -> Run:
        """Start exploring a version. Raises NotFound."""
        return self._send(Call("POST", f"/datasets/{name}/versions/{version}/profile", Run))

    def start_prepare(self, name: str, version: int | str = "latest", settings: PrepareSettings | None = None) -> Run:
        """Start preparing a version; the result is the dataset's next version. Raises NotFound."""
        body = settings or PrepareSettings()
        return self._send(Call("POST", f"/datasets/{name}/versions/{version}/prepare", Run, body=body))

    def start_curate(self, name: str, request: CurateRequest | None = None) -> Run:
        """Start joining traffic to a dataset: what people corrected, or a selection of traces. Raises NotFound, InvalidInput."""
        return self._send(Call("POST", f"/datasets/{name}/curate", Run, body=request or CurateRequest()))

    def start_edit(self, name: str, edits: Edits, *, version: int | str = "latest") -> Run:
        """Start laying edits on a version; the result is the dataset's next version.

        Raises NotFound, and Conflict when there is a newer version than `edits.newest_version`.
        """
        return self._send(Call("POST", f"/datasets/{name}/versions/{version}/edits", Run, body=edits))

    def list_duplicates(
        self, name: str, version: int | str = "latest", *, limit: int = 50, cursor: str | None = None
    ) -> Page[DuplicateGroup]:
        """Return the groups of rows that are alike, largest first. Raises NotFound, also before the version was explored."""
        query = {"limit": limit, "cursor": cursor}
        path = f"/datasets/{name}/versions/{version}/duplicates"
        return self._send(Call("GET", path, Page[DuplicateGroup], query=query))

    def get_difference(
        self,
        name: str,
        version: int | str = "latest",
        *,
        against: int | str,
        kind: DifferenceKind | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> VersionDifference:
        """Return how a version differs from another one of its dataset, row by row. Raises NotFound."""
        query = {"against": against, "kind": kind, "limit": limit, "cursor": cursor}
        return self._send(
            Call("GET", f"/datasets/{name}/versions/{version}/difference", VersionDifference, query=query)
        )

    def start_map(self, name: str, version: int | str = "latest") -> Run:
        """Start drawing the texts of a version as a map. Raises NotFound."""
        return self._send(Call("POST", f"/datasets/{name}/versions/{version}/map", Run))

    def get_map(self, name: str, version: int | str = "latest") -> EmbeddingMap:
        """Return where the rows of a version lie on its map. Raises NotFound when it has not been drawn."""
        return self._send(Call("GET", f"/datasets/{name}/versions/{version}/map", EmbeddingMap))
