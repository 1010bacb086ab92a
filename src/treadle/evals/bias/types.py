"""The vocabulary of bias: lists of words for groups of people, rows made of them, and what answers were found to differ in."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from treadle.core.types import JsonObject, Record
from treadle.evals.scoring.types import Unit

Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Form = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
PronounClass = Literal["feminine", "masculine"]
BiasForm = Literal["counterfactuals", "bbq", "crows_pairs"]
BiasWord = Literal["differs", "not shown to differ", "too few sets"]
BENCHMARKS: tuple[BiasForm, ...] = ("bbq", "crows_pairs")


class TermList(Record):
    """Words that name groups of people by one attribute: the same word for each group, kind by kind."""

    attribute: Word
    """What the groups differ in, such as 'religion'. One that ships is added to; any other stands for itself."""
    groups: list[Word] = Field(min_length=2, max_length=30)
    """The groups."""
    concepts: dict[Word, list[dict[Word, Form]]] = Field(min_length=1, max_length=50)
    """Kind of word (such as 'person', 'people') to its words: each a form for every group that has one."""
    case_sensitive: bool = False
    """Whether a word counts only as it is written: for names, and words such as 'German'."""
    adjectives: list[Form] = Field(default_factory=list, max_length=200)
    """Forms that only stand before a noun: a group whose form is one gets no text where no noun follows."""
    pronouns: dict[Word, PronounClass] = Field(default_factory=dict)
    """Group to its pronouns, where pronouns name the group too; empty where they do not."""
    source: str = Field(min_length=1, max_length=2_000)
    """Where the words come from."""
    licence: str = Field(min_length=1, max_length=200)
    """SPDX identifier or words."""
    note: str = Field(default="", max_length=2_000)
    """What to know before believing a figure that rests on it."""

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        known = set(self.groups)
        seen: dict[str, str] = {}
        for row in (row for rows in self.concepts.values() for row in rows):
            if unknown := sorted(set(row) - known):
                raise ValueError(
                    f"'{unknown[0]}' is not one of the groups {self.groups}; add it, or leave the form out"
                )
            if len(row) < 2:
                raise ValueError(f"{row} has a form for fewer than two groups, so nothing could be put in its place")
            for group, form in row.items():
                key = form if self.case_sensitive else form.casefold()
                if seen.setdefault(key, group) != group:
                    raise ValueError(f"'{form}' stands for '{seen[key]}' and '{group}'; a form names one group")
        if unknown := sorted(set(self.pronouns) - known):
            raise ValueError(f"'{unknown[0]}' has pronouns and is not one of the groups {self.groups}")
        return self


class Template(Record):
    """A text with a place for a word that names a group."""

    input: str = Field(min_length=1, max_length=20_000)
    """Text with {attribute} or {attribute.kind}, such as 'Is {name.feminine} fit for the job?'; every word has its set."""
    expected_output: str | None = Field(default=None, max_length=20_000)
    """What is right for every group; None where nobody says."""


class NewBiasRows(Record):
    """A request to make rows that differ in one group only, or to bring a published benchmark into shape."""

    name: str = Field(min_length=1, max_length=80)
    """The dataset that gets them, as a new version."""
    form: BiasForm = "counterfactuals"
    """'counterfactuals' by words put in place of others; 'bbq' and 'crows_pairs' for rows imported from files of that form."""
    dataset_version_id: str | None = None
    """The rows that words are put into, or the imported file; None for templates alone."""
    templates: list[Template] = Field(default_factory=list, max_length=5_000)
    """Texts with places for words; for counterfactuals only."""
    attributes: list[Word] = Field(default_factory=list, max_length=50)
    """Which attributes; empty takes every one that ships or is given."""
    lists: list[TermList] = Field(default_factory=list, max_length=50)
    """Lists of yours."""
    limit: int = Field(default=20_000, ge=2, le=200_000)
    """Rows made at most; what goes beyond is refused, never cut."""

    @model_validator(mode="after")
    def _has_rows(self) -> Self:
        if self.form == "counterfactuals":
            if self.dataset_version_id is None and not self.templates:
                raise ValueError(
                    "counterfactuals are made of dataset_version_id or templates; give one of them, or both"
                )
        elif self.dataset_version_id is None or self.templates or self.lists:
            raise ValueError(f"'{self.form}' takes dataset_version_id (its imported file) and no templates or lists")
        return self


class BiasComparison(Record):
    """What one group's answers differ in from those of the other groups to the same texts, by one scorer."""

    attribute: str
    """Such as 'gender'."""
    group: str
    """The group."""
    against: str
    """The other group, or 'the others' for their mean."""
    scorer: str
    """What judged."""
    sets: int
    """Sets of texts that differ in the group only, with a score for this group and another."""
    clusters: int
    """What the sets came from: rows, templates or sessions. The test and the interval count these."""
    mean: float
    """This group's mean score on those sets."""
    others: float
    """The mean score of the others."""
    difference: float
    """mean - others, in score points: the effect, as large as it is."""
    low: float | None
    """Lower end of its interval at confidence 1 - alpha, by itself; None where one source says nothing of spread."""
    high: float | None
    """Upper end."""
    p_value: float
    """Two-sided, by exchanging groups within what they came from."""
    p_adjusted: float
    """The same after Holm's correction over all comparisons of the report; the verdict uses this one."""
    detectable: float | None
    """The smallest true difference that these sets show 8 times in 10, the correction included; None for one source."""
    verdict: BiasWord
    """What is shown at level alpha; 'too few sets' where no difference, however large, could be."""
    unit: Unit
    """How the scores are to be read."""
    words: str
    """The verdict as one sentence with its numbers."""


class BiasCover(Record):
    """What was asked of one attribute."""

    attribute: str
    """Such as 'gender'."""
    groups: list[str]
    """Groups that were answered for."""
    sets: int
    """Sets with answers for two groups or more."""
    changed: int
    """Sets whose answers were not all the same, case and white space aside; an answer that repeats the name counts too."""
    low: float
    """Lower end of the 95 % interval of the share that changed."""
    high: float
    """Upper end."""


class BiasReport(Record):
    """Whether answers depend on whom a text speaks of."""

    experiment_id: str
    """The experiment over counterfactual rows."""
    alpha: float
    """The chance, at most, that anything is called different where nothing is, over the whole report."""
    tests: int
    """Comparisons made."""
    comparisons: list[BiasComparison]
    """Differences that are shown first, then by p-value."""
    covers: list[BiasCover]
    """By attribute."""
    left_out: JsonObject
    """Rows that no text was made of, by attribute and reason, as the dataset version says."""
    not_measured: list[str]
    """What this says nothing of, in words."""
    words: str
    """What is shown, in one sentence."""


class StereotypeFigure(Record):
    """One figure of a published benchmark, over all rows or those of one category."""

    name: str
    """'accuracy_ambiguous', 'accuracy_disambiguated', 'bias_ambiguous', 'bias_disambiguated' or 'stereotype_share'."""
    category: str | None
    """The category; None for all."""
    value: float | None
    """The figure; None where no row bears on it."""
    low: float | None
    """Lower end of its 95 % interval; None where there are too few rows."""
    high: float | None
    """Upper end."""
    rows: int
    """Rows or pairs that it rests on."""


class StereotypeReport(Record):
    """A published benchmark's figures, as its paper defines them."""

    experiment_id: str
    """The experiment."""
    form: BiasForm
    """Which benchmark's form the rows have."""
    figures: list[StereotypeFigure]
    """Over all rows first, then by category."""
    unreadable: int
    """Answers that name none of the options, or no number; they are in no figure."""
    unplaced: int
    """Rows that do not say which answer is the stereotype; in no bias figure."""
    source: str
    """The paper whose formulas these are."""
    not_measured: list[str]
    """What this says nothing of."""
    words: str
    """The figures in one sentence."""
