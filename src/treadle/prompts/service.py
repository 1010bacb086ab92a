"""Write prompts, read them, move labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from treadle.core.canonical import digest_of
from treadle.core.errors import Conflict, InvalidInput, NotFound, TreadleError
from treadle.core.ids import derive_id, new_id
from treadle.core.revisions import ALWAYS, When
from treadle.core.types import JsonObject, Page
from treadle.governance import audit, editing
from treadle.governance.editing import Audited
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, page_of
from treadle.lineage import service as lineage
from treadle.prompts import store
from treadle.prompts.agreement import require_agreement
from treadle.prompts.compiling import compile_prompt
from treadle.prompts.jinja_room import Renders
from treadle.prompts.labels import require_allowed
from treadle.prompts.render import render
from treadle.prompts.types import Label, MoveLabel, NewVersion, Prompt, Rendered, Version
from treadle.storage.database import Connection

RESERVED_LABEL = "latest"


class PromptNotFound(NotFound):
    """No prompt has the name."""

    code = "prompts.not_found"


class VersionNotFound(NotFound):
    """The prompt has no version with the number."""

    code = "prompts.version_not_found"


class ChangedMeanwhile(Conflict):
    """Somebody saved a version since the writer looked."""

    code = "prompts.changed_meanwhile"


async def create_version(ctx: Context, name: str, new: NewVersion, *, if_latest: int | None = None) -> Version:
    """Add a version to a prompt, making the prompt when it is the first. The same content again returns the version that has it.

    if_latest: the newest version that the writer has seen, 0 for none. Raises ChangedMeanwhile where it is another one by now.
    """
    ctx.require("prompts.write")
    return await ctx.db.write(lambda db: _create(db, ctx, name, new, if_latest))


class Wanted(NamedTuple):
    """One of several versions that are written together."""

    name: str
    """Of its prompt."""
    new: NewVersion
    parent: int | None
    """The version that it was made from; None is the newest."""
    path: str | None
    """What an error about it names."""


class Written(NamedTuple):
    """What became of one of several versions."""

    version: Version
    before: Version | None
    """The newest version of its prompt until then."""


async def write_together(ctx: Context, wanted: Sequence[Wanted], *, dry_run: bool) -> list[Written]:
    """Add versions to several prompts, all of them or none; each may include those before it. Raises as `create_version`."""
    ctx.require("prompts.read" if dry_run else "prompts.write")
    drafts: dict[str, Version] = {}

    def put(db: Connection, one: Wanted) -> Written:
        prompt = store.find_prompt(db, one.name)
        before = store.find_version(db, one.name, prompt.latest_version) if prompt else None
        new = one.new
        if one.parent is not None and before is not None and before.version != one.parent:
            new = new.model_copy(update={"parents": [one.parent]})
        version = _preview(db, ctx, one.name, new, drafts) if dry_run else _create(db, ctx, one.name, new)
        if before is None or version.version > before.version:
            drafts[one.name] = version
        return Written(version, before)

    def put_all(db: Connection) -> list[Written]:
        done = []
        drafts.clear()
        for one in wanted:
            try:
                done.append(put(db, one))
            except TreadleError as error:
                if one.path is not None:
                    error.message = f"{one.path}: {error.message}"
                raise
        return done

    return await (ctx.db.read(put_all) if dry_run else ctx.db.write(put_all))


def _create(db: Connection, ctx: Context, name: str, new: NewVersion, if_latest: int | None = None) -> Version:
    prompt_id = store.ensure_prompt(db, new_id("prm"), name, ctx.clock.now())
    version = _compose(db, ctx, prompt_id, name, new)
    existing = store.find_version_by_digest(db, prompt_id, version.digest)
    if existing is not None:
        return existing
    _require_unchanged(name, version.version - 1, if_latest)
    store.insert_version(db, prompt_id, version)
    lineage.describe(db, version.prompt_version_id, kind="prompt version", title=f"{name} v{version.version}")
    for parent in version.parents:
        _add_edge(db, _require_version(db, _require_prompt(db, name), parent).prompt_version_id, version, "parent of")
    for included in version.includes:
        _add_edge(db, included.prompt_version_id, version, "included in")
    if version.examples is not None and version.examples.dataset_version_id is not None:
        _add_edge(db, version.examples.dataset_version_id, version, "shown in")
    audit.record(
        db,
        ctx,
        action="prompts.create_version",
        object_id=version.prompt_version_id,
        detail={"prompt": name, "version": version.version},
    )
    return version


def _require_unchanged(name: str, newest: int, seen: int | None) -> None:
    if seen is None or seen == newest:
        return
    was = f"its newest version was {seen}" if seen else "it was not there"
    raise ChangedMeanwhile(
        f"prompt '{name}' has version {newest} by now, and {was} when this was begun; read what changed and save again, "
        f"with: treadle prompt show {name}",
        newest=newest,
        seen=seen,
    )


async def preview_version(ctx: Context, name: str, new: NewVersion) -> Version:
    """Return the version that `create_version` would make or find; nothing is kept. Raises what it raises."""
    ctx.require("prompts.read")
    return await ctx.db.read(lambda db: _preview(db, ctx, name, new, {}))


def _preview(db: Connection, ctx: Context, name: str, new: NewVersion, drafts: Mapping[str, Version]) -> Version:
    prompt = store.find_prompt(db, name)
    version = _compose(db, ctx, prompt.prompt_id if prompt else "", name, new, drafts)
    return (store.find_version_by_digest(db, prompt.prompt_id, version.digest) if prompt else None) or version


def _compose(
    db: Connection,
    ctx: Context,
    prompt_id: str,
    name: str,
    new: NewVersion,
    drafts: Mapping[str, Version] | None = None,
) -> Version:
    """drafts: versions that are not kept yet and would be their prompts' newest."""

    def find(other: str, wanted: str) -> Version:
        draft = (drafts or {}).get(other)
        is_meant = draft is not None and wanted in (RESERVED_LABEL, str(draft.version))
        return draft if draft is not None and is_meant else _find_version(db, other, wanted)

    compiled = compile_prompt(name, new, find)
    if new.kind == "text" and len(new.messages) != 1:
        raise InvalidInput(
            f"a text prompt is one text, and {len(new.messages)} messages were given; save them as kind 'chat'",
            code="prompts.text_is_one",
        )
    require_agreement(compiled.messages, compiled.variables, new.engine, new.input_schema, new.output_schema)
    prompt = store.find_prompt(db, name)
    newest = prompt.latest_version if prompt else 0
    for parent in new.parents or ():
        _require_version(db, _require_prompt(db, name), parent)
    written = {"messages": [message.model_dump() for message in compiled.source or compiled.messages]}
    written |= new.model_dump(
        mode="json",
        include={"kind", "engine", "input_schema", "output_schema", "examples", "config"},
        exclude_defaults=True,
    )
    if compiled.source:  # what blocks said on the day is content too
        written["sent"] = [message.model_dump() for message in compiled.messages]
    digest = digest_of(written if len(written) > 1 else written["messages"])
    return Version(
        prompt_version_id=derive_id("prv", prompt_id, digest),
        prompt_name=name,
        version=newest + 1,
        messages=compiled.messages,
        variables=compiled.variables,
        message=new.message,
        digest=digest,
        created_at=ctx.clock.now(),
        kind=new.kind,
        engine=new.engine,
        source=compiled.source,
        includes=compiled.includes,
        input_schema=new.input_schema,
        output_schema=new.output_schema,
        examples=new.examples,
        config=new.config,
        parents=([newest] if newest else []) if new.parents is None else new.parents,
    )


def _add_edge(db: Connection, source_id: str, version: Version, relation: str) -> None:
    lineage.add_edge(db, source_id=source_id, target_id=version.prompt_version_id, relation=relation)


async def render_version(ctx: Context, name: str, version: int | str, variables: JsonObject, room: Renders) -> Rendered:
    """Fill a version in, as it would be sent. room: where Jinja is rendered. Raises VersionNotFound, VariableMissing, RenderRefused.

    Examples that are chosen for each request are the first ones here, unless `examples` is given.
    """
    found = await get_version(ctx, name, version)
    return Rendered(prompt_version_id=found.prompt_version_id, messages=await fill(found, variables, room))


async def fill(version: Version, variables: JsonObject, room: Renders) -> list[JsonObject]:
    """Return a version's messages filled in. room: where Jinja is rendered; Mustache is not. Raises as `render_version`."""
    given = dict(variables)
    if version.examples is not None and "examples" not in given:
        given["examples"] = [row.model_dump() for row in version.examples.rows[: version.examples.count]]
    if version.engine == "mustache":
        return [dict(message) for message in render(version.messages, given)]
    texts = await room.render([message.template for message in version.messages], given)
    return [{"role": message.role, "content": text} for message, text in zip(version.messages, texts, strict=True)]


async def get_prompt(ctx: Context, name: str) -> Prompt:
    """Return a prompt. Raises PromptNotFound."""
    ctx.require("prompts.read")
    return await ctx.db.read(lambda db: _require_prompt(db, name))


async def list_prompts(
    ctx: Context, *, text: str | None = None, label: str | None = None, limit: int, cursor: str | None
) -> Page[Prompt]:
    """Return prompts by name; text: in the name; label: on a version of it."""
    ctx.require("prompts.read")
    after = decode_cursor(cursor, str)
    rows = await ctx.db.read(
        lambda db: store.list_prompts(db, text, label, str(after[0]) if after else None, limit + 1)
    )
    return page_of(rows, limit, lambda prompt: (prompt.name,))


async def list_versions(ctx: Context, name: str) -> list[Version]:
    """Return the versions of a prompt, newest first. Raises PromptNotFound."""
    ctx.require("prompts.read")

    def read(db: Connection) -> list[Version]:
        _require_prompt(db, name)
        return store.list_versions(db, name)

    return await ctx.db.read(read)


async def get_version(ctx: Context, name: str, version: int | str) -> Version:
    """Return a version by number or label ('latest' is the newest). Raises PromptNotFound, VersionNotFound."""
    ctx.require("prompts.read")

    return await ctx.db.read(lambda db: _find_version(db, name, version))


def require_plain(version: Version, needed_for: str) -> None:
    """Raise InvalidInput for a version that only a gateway can fill in: Jinja, or examples chosen for each request."""
    if version.engine != "mustache" or (version.examples is not None and version.examples.selection == "nearest"):
        raise InvalidInput(
            f"{needed_for} needs a prompt in Mustache whose examples are fixed, and '{version.prompt_name}' version "
            f"{version.version} is {'Jinja' if version.engine == 'jinja' else 'one that chooses them for each request'}; "
            f"save it in that way as another version",
            code="prompts.not_plain",
        )


async def get_version_by_id(ctx: Context, prompt_version_id: str) -> Version:
    """Return a version by id. Raises VersionNotFound."""
    ctx.require("prompts.read")
    version = await ctx.db.read(lambda db: store.find_version_by_id(db, prompt_version_id))
    if version is None:
        raise VersionNotFound(
            f"there is no prompt version '{prompt_version_id}'; list prompts with: treadle prompt list"
        )
    return version


async def publish(ctx: Context, name: str, label: str, to: MoveLabel, *, when: When = ALWAYS) -> Label:
    """Point a label at a version; whoever renders by label sees it at once. Safe to repeat.

    Raises VersionNotFound, Outdated (see `editing.check`), and LabelProtected where the label's policy does not let this version or
    this actor.
    """
    ctx.require("prompts.publish")
    version = to.version
    if label == RESERVED_LABEL or label.isdigit():
        raise InvalidInput(
            f"'{label}' cannot be a label: 'latest' always is the newest version and numbers are versions; try 'production'",
            code="prompts.label_reserved",
        )
    moved = Label(name=label, version=version, moved_at=ctx.clock.now())

    def write(db: Connection) -> None:
        called = f"label '{label}' of prompt '{name}'"
        editing.hold(db, called)
        prompt = _require_prompt(db, name)
        audited = Audited("prompts.publish", prompt.prompt_id, "prompts.read", part={"label": label})
        editing.check(db, ctx, when, called, store.find_label(db, prompt.prompt_id, label), lambda _: audited)
        overridden = require_allowed(db, ctx, label, _require_version(db, prompt, version), to.override)
        store.move_label(db, prompt.prompt_id, moved)
        detail: JsonObject = {"prompt": name, "label": label, "version": version}
        if overridden is not None:
            detail |= {"override": to.override, "overridden": overridden}
        audit.record(db, ctx, action="prompts.publish", object_id=prompt.prompt_id, detail=detail)

    await ctx.db.write(write)
    return moved


def _find_version(db: Connection, name: str, version: int | str) -> Version:
    prompt = _require_prompt(db, name)
    number = prompt.latest_version if version == RESERVED_LABEL else prompt.labels.get(str(version))
    if number is None and str(version).isdigit():
        number = int(version)
    if number is None:
        labels = ", ".join(repr(label) for label in sorted(prompt.labels)) or "none"
        raise VersionNotFound(
            f"prompt '{name}' has no label '{version}' (it has {labels}); list versions with: treadle prompt versions {name}"
        )
    return _require_version(db, prompt, number)


def _require_prompt(db: Connection, name: str) -> Prompt:
    prompt = store.find_prompt(db, name)
    if prompt is None:
        raise PromptNotFound(f"there is no prompt '{name}'; list them with: treadle prompt list", name=name)
    return prompt


def _require_version(db: Connection, prompt: Prompt, number: int) -> Version:
    version = store.find_version(db, prompt.name, number)
    if version is None:
        raise VersionNotFound(
            f"prompt '{prompt.name}' has no version {number} (newest is {prompt.latest_version}); "
            f"list them with: treadle prompt versions {prompt.name}",
            version=number,
        )
    return version
