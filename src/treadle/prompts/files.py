"""Prompts to files and back: what is pushed from a repository and pulled into one. The formats are in `formats/`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from treadle.core.faults import in_words
from treadle.http.context import Context
from treadle.prompts import service
from treadle.prompts.compiling import included_names
from treadle.prompts.formats import dotprompt, exchange, prompty
from treadle.prompts.formats.front import FileInvalid, ReadFile
from treadle.prompts.types import FileFormat, Name, NewVersion, PromptFile, Pushed, PushFile, PushFiles, Version

_NAMES: TypeAdapter[str] = TypeAdapter(Name)


class Format(NamedTuple):
    """How one kind of file is read and written."""

    suffix: str
    read: Callable[[str], ReadFile]
    write: Callable[[Version], str]


def _read_own(text: str) -> ReadFile:
    version = Version.model_validate_json(text)
    facts = version.model_dump(include=set(NewVersion.model_fields) - {"messages", "parents"})
    return ReadFile(version.prompt_name, NewVersion.model_validate({**facts, "messages": version.written}))


def _write_own(version: Version) -> str:
    return version.model_dump_json(indent=2) + "\n"


FORMATS: Mapping[FileFormat, Format] = {
    "dotprompt": Format(dotprompt.SUFFIX, dotprompt.read, dotprompt.write),
    "prompty": Format(prompty.SUFFIX, prompty.read, prompty.write),
    "langfuse": Format(".json", exchange.read_langfuse, exchange.write_langfuse),
    "mlflow": Format(".json", exchange.read_mlflow, exchange.write_mlflow),
    "treadle": Format(".json", _read_own, _write_own),
}


async def get_file(ctx: Context, name: str, version: int | str, format_: FileFormat) -> PromptFile:
    """Return a version as a file. Raises VersionNotFound, Unsayable."""
    return file_of(await service.get_version(ctx, name, version), format_)


def file_of(version: Version, format_: FileFormat) -> PromptFile:
    """Return a version as a file. Raises Unsayable."""
    kind = FORMATS[format_]
    return PromptFile(
        format=format_,
        file_name=f"{version.prompt_name}{kind.suffix}",
        version=version.version,
        text=kind.write(version),
    )


async def push_file(ctx: Context, pushed: PushFile) -> Pushed:
    """Make the version that a file says, unless it is there; with `dry_run` only say what would become of it.

    Raises FileInvalid, and what `create_version` raises.
    """
    (told,) = await push_files(ctx, PushFiles(files=[pushed], dry_run=pushed.dry_run))
    return told


async def push_files(ctx: Context, pushed: PushFiles) -> list[Pushed]:
    """Make the versions that files say, all or none, those first that others include; told in the order of the files.

    Raises FileInvalid, and what `create_version` raises, naming the file where its path is given.
    """
    wanted = [_wanted(file) for file in pushed.files]
    order = _included_first(wanted)
    written = await service.write_together(ctx, [wanted[at] for at in order], dry_run=pushed.dry_run)
    told = dict(zip(order, written, strict=True))
    return [_told(told[at], file.format) for at, file in enumerate(pushed.files)]


def _wanted(file: PushFile) -> service.Wanted:
    where = "" if file.path is None else f"{file.path}: "
    try:
        found = FORMATS[file.format].read(file.text)
        name = _NAMES.validate_python(found.name if file.name is None else file.name)
    except FileInvalid as error:
        raise FileInvalid(where + error.message) from error
    except ValidationError as error:
        said = in_words(error.errors())
        raise FileInvalid(f"{where}the file says what a prompt cannot be: {said}; correct it") from error
    new = found.new.model_copy(update={"message": file.message or found.new.message})
    return service.Wanted(name, new, file.parent, file.path)


def _included_first(wanted: Sequence[service.Wanted]) -> list[int]:
    """Return the places of the files, each behind those that it includes. What goes in circles is refused when it is put together."""
    places: dict[str, list[int]] = {}
    for at, one in enumerate(wanted):
        places.setdefault(one.name, []).append(at)
    order: dict[int, None] = {}
    seen: set[int] = set()

    def visit(at: int) -> None:
        if at in seen:
            return
        seen.add(at)
        for name in sorted(included_names(wanted[at].new)):
            for other in places.get(name, ()):
                visit(other)
        order[at] = None

    for at in range(len(wanted)):
        visit(at)
    return list(order)


def _told(written: service.Written, format_: FileFormat) -> Pushed:
    version, before = written
    return Pushed(
        version=version,
        is_new=before is None or version.version > before.version,
        latest=None if before is None else file_of(before, format_).text,
        text=file_of(version, format_).text,
    )
