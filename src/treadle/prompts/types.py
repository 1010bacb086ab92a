"""Prompts, their versions, and the labels that move over them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from treadle.core.revisions import Pointer, Revised
from treadle.core.types import JsonObject, JsonValue, Record
from treadle.http.actor import RoleName

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,79}$")]
"""1 to 80 of a-z, 0-9, '.', '_' and '-'; unique within the project."""
LabelName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]


Kind = Literal["text", "chat"]
"""'text' is one text, which other prompts may include; 'chat' is messages with roles."""
Engine = Literal["mustache", "jinja"]
"""'mustache' is filled in where a request is served; 'jinja' in a process of its own with limits, see design/prompts.md."""
MAX_EXAMPLES = 500
PackName = Literal["injection", "leakage", "jailbreak"]
"""A set of attacks of a safety evaluation."""
ALL_PACKS: tuple[PackName, ...] = ("injection", "leakage", "jailbreak")
LEAST_HELD = 0.9
"""Share of each pack's attempts that must hold, unless somebody says otherwise."""


class Message(Record):
    """One message of a chat prompt."""

    role: Literal["system", "user", "assistant"]
    """Who speaks."""
    template: str = Field(max_length=100_000)
    """Text with variables, {{variable}}, never escaped for HTML; `{{> name@2}}` includes another prompt, `{{> treadle/block}}`
    a ready block."""


class Example(Record):
    """One demonstration."""

    input: str = Field(max_length=20_000)
    """What is asked."""
    output: str = Field(max_length=20_000)
    """What should be answered."""


class Examples(Record):
    """Demonstrations for the block `treadle/examples`."""

    selection: Literal["fixed", "nearest"] = "fixed"
    """'fixed' shows the first `count` to everybody, 'nearest' those whose input is most like the request's."""
    count: int = Field(default=3, ge=1, le=20)
    """How many are shown."""
    rows: list[Example] = Field(min_length=1, max_length=MAX_EXAMPLES)
    """What they are chosen from."""
    dataset_version_id: str | None = None
    """Where they are from; None when somebody wrote them."""


class Included(Record):
    """Another prompt's version inside of a prompt, pinned when it was saved."""

    name: str
    """The other prompt."""
    version: int
    """Which of its versions."""
    prompt_version_id: str
    """'prv_…'."""


class Prompt(Record):
    """A named prompt."""

    prompt_id: str
    """'prm_…'."""
    name: Name
    """What people and programs call it."""
    latest_version: int
    """The number of its newest version."""
    labels: dict[str, int]
    """Where each label points now."""
    created_at: datetime
    """Aware UTC."""


class Version(Record):
    """What a prompt said at one time; never changes."""

    prompt_version_id: str
    """'prv_…'; derived from its content, so the same content is the same version."""
    prompt_name: Name
    """The prompt it belongs to."""
    version: int
    """1, 2, 3 …"""
    messages: list[Message]
    """What is sent, in order, with everything that it includes in its place."""
    variables: list[str]
    """The names that its templates use, sorted."""
    message: str
    """Why it was made, as in a commit."""
    digest: str
    """SHA-256 of the messages in canonical JSON; of all that was written where there is more than messages."""
    created_at: datetime
    """Aware UTC."""
    kind: Kind = "chat"
    """One text, or messages."""
    engine: Engine = "mustache"
    """The language of its templates."""
    source: list[Message] = Field(default_factory=list)
    """As it was written, includes pinned; empty where that is what is sent."""
    includes: list[Included] = Field(default_factory=list)
    """Other prompts in it, also those that they include."""
    input_schema: JsonObject | None = None
    """JSON Schema of its variables."""
    output_schema: JsonObject | None = None
    """JSON Schema of what should be answered; shown to the model by the block `treadle/structured-output`."""
    examples: Examples | None = None
    """Demonstrations for the block `treadle/examples`."""
    config: JsonObject = Field(default_factory=dict)
    """What its file says besides, such as the model and a temperature. A release pins what is really sent."""
    parents: list[int] = Field(default_factory=list)
    """The versions it was made from; empty for the first, and for versions from before that was kept."""

    @property
    def written(self) -> list[Message]:
        """The messages as somebody wrote them."""
        return self.source or self.messages


class Label(Pointer):
    """A movable name on one version of a prompt, such as 'production'."""

    name: LabelName
    """1 to 40 of a-z, 0-9 and '-'; unique within the prompt."""
    moved_at: datetime
    """Aware UTC: the moment serving changed."""


class NewVersion(Record):
    """What a new version of a prompt should say."""

    messages: list[Message] = Field(min_length=1, max_length=100)
    """What is sent, in order."""
    message: str = Field(default="", max_length=500)
    """Why it is made."""
    kind: Kind = "chat"
    """'text' takes one message; what role it has does not matter."""
    engine: Engine = "mustache"
    """The language of its templates."""
    input_schema: JsonObject | None = None
    """JSON Schema of the variables; what the templates use and what it names must be the same."""
    output_schema: JsonObject | None = None
    """JSON Schema of the answer."""
    examples: Examples | None = None
    """Demonstrations for the block `treadle/examples`."""
    config: JsonObject = Field(default_factory=dict)
    """What else should travel with it."""
    parents: list[Annotated[int, Field(ge=1)]] | None = Field(default=None, max_length=10)
    """Versions of this prompt that it was made from; None means the newest."""


class MoveLabel(Record):
    """Where a label should point."""

    version: int = Field(ge=1)
    """A version that exists."""
    override: str | None = Field(default=None, min_length=10, max_length=500)
    """Why it may carry the label although the label's policy says no; for those who may 'prompts.govern', and audited."""


class LabelPolicy(Revised):
    """What it takes to carry a label in this project."""

    EDITED = frozenset({"roles", "needs_safety", "safety_packs", "safety_least_held", "safety_endpoints"})

    label: LabelName
    """The label, of every prompt."""
    roles: list[RoleName] | None = None
    """Roles that may move it; None leaves it to everybody who may publish."""
    needs_safety: bool = False
    """Whether a safety evaluation of the version must have come out as the next three fields say."""
    safety_packs: list[PackName] = Field(default=list(ALL_PACKS))
    """Which attacks it must hold against."""
    safety_least_held: float = LEAST_HELD
    """Share of each pack's attempts that must hold, 0-1. What the evaluation itself asked for does not matter."""
    safety_endpoints: list[str] | None = None
    """Endpoints through which it must have been asked, such as the one with the model of production; None takes any."""
    changed_by: str | None = None
    """The actor who set it; None while the default holds."""
    changed_at: datetime | None = None
    """When."""


class NewLabelPolicy(Record):
    """What it should take to carry a label."""

    roles: list[RoleName] | None = None
    """Roles that may move it; None leaves it to everybody who may publish."""
    needs_safety: bool = False
    """Whether a safety evaluation of the version must have come out as the next three fields say."""
    safety_packs: list[PackName] = Field(default=list(ALL_PACKS), min_length=1, max_length=3)
    """Which attacks it must hold against."""
    safety_least_held: float = Field(default=LEAST_HELD, ge=0, le=1)
    """Share of each pack's attempts that must hold, 0-1."""
    safety_endpoints: list[Annotated[str, Field(min_length=1, max_length=100)]] | None = Field(
        default=None, min_length=1, max_length=20
    )
    """Endpoints through which it must have been asked; None takes any."""


class Attack(Record):
    """One attempt of a safety evaluation."""

    pack: str
    """'injection', 'leakage' or 'jailbreak'."""
    name: str
    """Which attempt of the pack."""
    held: bool | None
    """Whether the prompt held; None where there was no answer to judge."""
    why: str
    """What was seen."""


class Safety(Record):
    """A safety evaluation of one prompt version."""

    safety_id: str
    """'psf_…'."""
    prompt_version_id: str
    """What was tried."""
    endpoint: str
    """Through which endpoint it was asked."""
    passed: bool
    """Whether every pack held at least as often as was asked, and every attempt was answered."""
    least_held: float
    """Share of each pack's attempts that had to hold, 0-1."""
    packs: dict[str, float | None]
    """Share that held by pack, 0-1; None where nothing could be judged."""
    attacks: list[Attack]
    """Every attempt."""
    run_id: str | None = None
    """The run that did it."""
    ran_at: datetime
    """When."""


class Rendered(Record):
    """A version filled in."""

    prompt_version_id: str
    """Which version."""
    messages: list[JsonObject]
    """As they would be sent: role and content."""


class ToRender(Record):
    """What a version should be filled in with."""

    variables: dict[str, JsonValue] = Field(default_factory=dict)
    """By name."""


FileFormat = Literal["dotprompt", "prompty", "langfuse", "mlflow", "treadle"]


class PromptFile(Record):
    """A version as a file."""

    format: FileFormat
    """What kind of file."""
    file_name: str
    """What to call it."""
    version: int
    """Which version it is."""
    text: str
    """Its content."""


class PushFile(Record):
    """A file that should become a version."""

    format: FileFormat = "dotprompt"
    """What kind of file."""
    text: str = Field(max_length=2_000_000)
    """Its content."""
    name: str | None = Field(default=None, max_length=80)
    """The prompt; None takes the name that the file says."""
    message: str = Field(default="", max_length=500)
    """Why, as in a commit; empty takes the file's own words."""
    parent: int | None = Field(default=None, ge=1)
    """The version that the file was made from; None means the newest."""
    dry_run: bool = False
    """Only say what would become of it."""
    path: str | None = Field(default=None, max_length=1000)
    """Where the file is, so that what is said about it can name it."""


class PushFiles(Record):
    """Files that should become versions together: all of them or none, those first that others include."""

    files: list[PushFile] = Field(min_length=1, max_length=500)
    """In any order; a `dry_run` of their own is not looked at."""
    dry_run: bool = False
    """Only say what would become of them."""


class Pushed(Record):
    """What became of a file, or would."""

    version: Version
    """The version that says what the file says."""
    is_new: bool
    """Whether the file says something that no version said before."""
    latest: str | None
    """The newest version from before as such a file; None where the prompt is new."""
    text: str
    """The file as Treadle would write it."""


class Advice(Record):
    """One thing about a prompt to look at."""

    rule: Literal[
        "secret", "unbounded-input", "missing-delimiter", "contradictory-format", "empty-message", "no-examples"
    ]
    """What kind of thing."""
    level: Literal["error", "warning"]
    """An error is wrong in every prompt; a warning may be meant."""
    message: int | None
    """Which message, from 0; None for the prompt as a whole."""
    words: str
    """What was found, and what would be better."""
