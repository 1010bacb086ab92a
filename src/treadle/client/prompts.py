"""SDK: prompts, versions, labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from treadle.client.calls import Call, Send, only
from treadle.core.types import JsonValue, Page
from treadle.prompts.types import (
    ALL_PACKS,
    LEAST_HELD,
    Advice,
    FileFormat,
    Label,
    LabelPolicy,
    Message,
    MoveLabel,
    NewLabelPolicy,
    NewVersion,
    PackName,
    Prompt,
    PromptFile,
    Pushed,
    PushFile,
    PushFiles,
    Rendered,
    Safety,
    ToRender,
    Version,
)


class Prompts:
    """`client.prompts`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def list_(
        self, *, q: str | None = None, label: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[Prompt]:
        """Return prompts by name. `q`: part of the name; `label`: on a version of it."""
        query = {"q": q, "label": label, "limit": limit, "cursor": cursor}
        return self._send(Call("GET", "/prompts", Page[Prompt], query=query))

    def get(self, name: str) -> Prompt:
        """Return a prompt. Raises NotFound."""
        return self._send(Call("GET", f"/prompts/{name}", Prompt))

    def list_versions(self, name: str) -> list[Version]:
        """Return the versions of a prompt, newest first. Raises NotFound."""
        return self._send(Call("GET", f"/prompts/{name}/versions", list[Version]))

    def get_version(self, name: str, version: int | str = "latest") -> Version:
        """Return a version by number or label. Raises NotFound."""
        return self._send(Call("GET", f"/prompts/{name}/versions/{version}", Version))

    def create_version(self, name: str, messages: list[Message], *, message: str = "") -> Version:
        """Add a version; the same content again returns the version that has it."""
        new = NewVersion(messages=messages, message=message)
        return self._send(Call("POST", f"/prompts/{name}/versions", Version, body=new))

    def save(self, name: str, new: NewVersion, *, if_latest: int | None = None) -> Version:
        """Add a version with all that one may have: engine, schemas, examples, parents; the same content again returns it.

        if_latest: the newest version that was seen, 0 for none. Raises Conflict where it is another one by now.
        """
        query = {"if_latest": if_latest}
        return self._send(Call("POST", f"/prompts/{name}/versions", Version, query=query, body=new))

    def render(
        self, name: str, version: int | str = "latest", variables: Mapping[str, JsonValue] | None = None
    ) -> Rendered:
        """Return a version filled in, as it would be sent. Raises NotFound, InvalidInput for variables that lack."""
        given = ToRender(variables=dict(variables or {}))
        return self._send(Call("POST", f"/prompts/{name}/versions/{version}/render", Rendered, body=given))

    def publish(
        self,
        name: str,
        version: int,
        *,
        label: str = "production",
        override: str | None = None,
        if_revision: str | None = None,
        if_new: bool = False,
    ) -> Label:
        """Point a label at a version. Safe to repeat. Raises NotFound, Outdated, and Denied where the label's policy says no.

        override: why it may carry the label all the same; audited, and for those who may 'prompts.govern'. if_revision: the version that
        it was read to be on, such as '3'; moved only from there. if_new: only where the label is on none.
        """
        to, headers = MoveLabel(version=version, override=override), only(if_revision, if_new=if_new)
        return self._send(Call("PUT", f"/prompts/{name}/labels/{label}", Label, body=to, headers=headers))

    def get_file(self, name: str, version: int | str = "latest", *, format: FileFormat = "dotprompt") -> PromptFile:
        """Return a version as a file. Raises NotFound, InvalidInput for what the format cannot say."""
        path = f"/prompts/{name}/versions/{version}/file"
        return self._send(Call("GET", path, PromptFile, query={"format": format}))

    def push_file(self, file: PushFile) -> Pushed:
        """Make the version that a file says, unless it is there. Raises InvalidInput for a file that is not what it should."""
        return self._send(Call("POST", "/prompt-files", Pushed, body=file))

    def push_files(self, files: Sequence[PushFile], *, dry_run: bool = False) -> list[Pushed]:
        """Make the versions that files say, all or none; they may include each other. Raises InvalidInput, NotFound."""
        body = PushFiles(files=list(files), dry_run=dry_run)
        return self._send(Call("POST", "/prompt-files/together", list[Pushed], body=body))

    def lint(self, name: str, version: int | str = "latest") -> list[Advice]:
        """Return what is likely wrong with a version, errors first. Raises NotFound."""
        return self._send(Call("GET", f"/prompts/{name}/versions/{version}/lint", list[Advice]))

    def list_safety(self, name: str, version: int | str = "latest") -> list[Safety]:
        """Return the safety evaluations of a version, newest first. Raises NotFound."""
        return self._send(Call("GET", f"/prompts/{name}/versions/{version}/safety", list[Safety]))

    def list_label_policies(self) -> list[LabelPolicy]:
        """Return what it takes to carry labels."""
        return self._send(Call("GET", "/prompt-labels", list[LabelPolicy]))

    def set_label_policy(
        self,
        label: str,
        *,
        roles: list[str] | None = None,
        needs_safety: bool = False,
        safety_packs: Sequence[PackName] = ALL_PACKS,
        safety_least_held: float = LEAST_HELD,
        safety_endpoints: list[str] | None = None,
        if_revision: str | None = None,
    ) -> LabelPolicy:
        """Say what it takes to carry a label, of every prompt of the project. Safe to repeat. Raises Outdated."""
        new = NewLabelPolicy.model_validate(
            {
                "roles": roles,
                "needs_safety": needs_safety,
                "safety_packs": list(safety_packs),
                "safety_least_held": safety_least_held,
                "safety_endpoints": safety_endpoints,
            }
        )
        return self._send(Call("PUT", f"/prompt-labels/{label}", LabelPolicy, body=new, headers=only(if_revision)))
