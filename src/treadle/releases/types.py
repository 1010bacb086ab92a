"""The vocabulary of releases: the bundle, what it is made of, and the gates that judged it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from treadle.core.types import JsonObject, Record
from treadle.evals.comparisons.types import Change, Comparison, LeftOut
from treadle.evals.types import greedy
from treadle.prompts.types import Engine, Examples
from treadle.releases.approvals.types import EVALUATION, Approval, GateName
from treadle.releases.packaging.types import CodeEntry, Guards, IndexId, ManifestRefinement, ManifestTarget, NewTarget

GateWord = Literal["passed", "failed"]


class NewRelease(Record):
    """A request to bundle a prompt version, a model version and parameters."""

    name: str = Field(min_length=1, max_length=100)
    """What people call the line of releases, such as 'support'; versions count up within it."""
    model_version_id: str
    """The model version that answers."""
    prompt_version_id: str | None = None
    """The prompt version that frames each input; None sends messages as they are."""
    parameters: JsonObject = Field(default_factory=greedy)
    """Request fields in OpenAI's names that are pinned; greedy decoding when not given."""
    targets: list[NewTarget] = Field(default_factory=list, max_length=50)
    """Where it can be answered; empty means by the model version alone."""
    guards: Guards = Field(default_factory=list, max_length=50)
    """Checks of what goes in and out."""
    refinement: ManifestRefinement = Field(default_factory=ManifestRefinement)
    """What may be done to an answer."""
    index_id: IndexId | None = None
    """The retrieval index that its application reads; carried along, not served here."""
    code: CodeEntry | None = None
    """The code that calls it, 'package.module:function@sha256:…'; carried along, not run here."""
    notes: str = Field(default="", max_length=4000)
    """What changed and why, for the one who approves."""


class GatePolicy(Record):
    """What a comparison must show for a release to pass its gate."""

    require: Literal["better", "not worse", "equivalent"] = "better"
    """'better' needs a significant gain; 'not worse' needs the interval to exclude a loss beyond `margin`, 'equivalent' a
    difference beyond it either way. The interval has confidence 1 - alpha, so each end is ruled out at alpha / 2."""
    margin: float = Field(default=0.02, gt=0, lt=1)
    """Largest loss, in score points 0-1, that 'not worse' still accepts; of 'equivalent' the largest difference."""
    also_better: str | None = Field(default=None, max_length=200)
    """A further scorer that must be shown to be better, such as 'cost' or 'latency': with 'not worse' this asks for "cheaper,
    but as good". None asks nothing."""
    minimum_score: float | None = Field(default=None, ge=0, le=1)
    """The candidate's mean score must be at least this, or at most where less is better; None asks nothing."""
    least_scored: float = Field(default=0.95, ge=0, le=1)
    """Of the rows that both were asked, at least this share must have a score in both: a gate that passes on the few answers
    that could be judged says nothing of the others."""
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """Level of the paired test. Every check must hold, so all together keep it without a correction."""


class Check(Record):
    """One thing a gate looked at."""

    name: str
    """What was asked, such as 'better than the baseline'."""
    passed: bool
    """Whether it held."""
    words: str
    """With which numbers."""


class Gate(Record):
    """The evidence on which a release passed or failed, as it was when the gate was evaluated."""

    result: GateWord
    """Passed when every check held."""
    checks: list[Check]
    """Each thing looked at."""
    policy: GatePolicy
    """What was asked."""
    baseline_experiment_id: str
    """The experiment compared against."""
    candidate_experiment_id: str
    """The release's own experiment."""
    evaluated_at: datetime
    """When."""
    evaluated_by: str
    """The actor who asked."""
    name: GateName = EVALUATION
    """Which gate; a policy may ask for several."""
    baseline_serves: list[str] | None = None
    """Endpoints that served the baseline's parts when the gate was evaluated, at most 20; empty where none did, so that the gate says
    nothing of what serves. None for gates from before that was kept."""


class NewGate(Record):
    """A request to evaluate a release's gate against a comparison."""

    baseline_experiment_id: str
    """The experiment to beat."""
    candidate_experiment_id: str
    """An experiment of this release's own prompt, model and parameters, over the same rows."""
    policy: GatePolicy = Field(default_factory=GatePolicy)
    """What the comparison must show."""
    name: GateName = EVALUATION
    """Which gate this is, where an environment's policy asks for several: 'safety', 'latency' …"""


class NewGateReport(Record):
    """A request to say whether one experiment passes a gate against another."""

    baseline_experiment_id: str
    """The experiment to beat."""
    candidate_experiment_id: str
    """The experiment that is judged, over the same rows."""
    policy: GatePolicy = Field(default_factory=GatePolicy)
    """What the comparison must show."""


class GateReport(Record):
    """Whether an experiment passes a gate against another, and by what; kept on nothing."""

    result: GateWord
    """Passed when every check held."""
    checks: list[Check]
    """Each thing looked at."""
    policy: GatePolicy
    """What was asked."""
    baseline_experiment_id: str
    """The experiment compared against."""
    candidate_experiment_id: str
    """The experiment that was judged."""
    comparisons: list[Comparison]
    """One per scorer that both have; the first decides."""
    left_out: list[LeftOut] = Field(default_factory=list)
    """Scorers that both have and that cannot be compared, each with the reason."""
    changes: list[Change]
    """Rows whose first score differs, regressions first."""


class ManifestMessage(Record):
    """One message of the prompt version, as it was when it was bundled."""

    role: Literal["system", "user", "assistant"]
    """Who speaks."""
    template: str
    """Its text with variables."""


class Manifest(Record):
    """Everything that decides what a release answers, by id and by content: enough to serve it and to make it again."""

    model_version_id: str
    """The model version that answers."""
    model_digest: str
    """Digest of its files."""
    prompt_version_id: str | None
    """The prompt version that frames each input; None sends messages as they are."""
    messages: list[ManifestMessage]
    """Its messages; empty without a prompt."""
    parameters: JsonObject
    """Request fields that are pinned."""
    targets: list[ManifestTarget] = Field(default_factory=list)
    """Where it can be answered; empty means by an engine with the model version's weights."""
    guards: Guards = Field(default_factory=list)
    """Checks of what goes in and out."""
    refinement: ManifestRefinement = Field(default_factory=ManifestRefinement)
    """What may be done to an answer."""
    index_id: IndexId | None = None
    """The retrieval index that its application reads."""
    code: CodeEntry | None = None
    """The code that calls it."""
    prompt_engine: Engine = "mustache"
    """The language of the messages."""
    examples: Examples | None = None
    """Demonstrations that are chosen for each request; None where there are none, or they stand in the messages."""


class ManifestFile(Record):
    """A manifest as it is written to a file: enough to make the same release again."""

    format: Literal["treadle.release/1"] = "treadle.release/1"
    """What this is."""
    name: str = Field(min_length=1, max_length=100)
    """The line of releases."""
    version: int | None = None
    """Its number where it was written."""
    digest: str | None = None
    """'sha256:…' of the manifest; None when whoever wrote it left it out."""
    manifest: Manifest
    """The parts."""


class Release(Record):
    """The immutable bundle that is tested and promoted as one."""

    release_id: str
    """Starts with rel_."""
    name: str
    """The line of releases it belongs to."""
    version: int
    """From 1, counted within the name."""
    manifest: Manifest
    """What it is made of."""
    digest: str
    """'sha256:…' of the manifest: the same parts give the same digest."""
    notes: str
    """What changed and why."""
    gate: Gate | None
    """The newest gate; None when none was evaluated."""
    approval: Approval | None
    """Who let it serve first; None means that no path serves it."""
    created_by: str
    """The actor who bundled it."""
    created_at: datetime
    """When."""
    author_id: str | None = None
    """The person behind that actor; None for releases from before that was kept."""
    gates: list[Gate] = Field(default_factory=list)
    """The newest of each name, by name."""
    approvals: list[Approval] = Field(default_factory=list)
    """The newest of each actor, oldest first; an environment's policy says how many it takes, and whose."""
