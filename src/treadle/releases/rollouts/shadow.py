"""The shadow stage: two answers to the same requests, of which callers got only the stable release's. Pure.

By far the cheapest evidence, for each pair is its own comparison: how often the two agree, which of them is right where
somebody said what is right, and which of them failed when only one did. A unit counts with its first pair and its first
label. A judge may say which of the two is better (`judging.py`). Agreement, gain and its preference are exact intervals that hold at every moment (`sequence.py`, the betting one); failures of one
side only are an e-process at even odds, for if both fail alike the one that fails alone is either with probability 1/2.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from treadle.core.sequence import Betting, Bounds, bet
from treadle.evals.scoring.types import Score
from treadle.releases.rollouts import evidence
from treadle.releases.rollouts.evidence import Evidence, Outcome
from treadle.releases.rollouts.plans.types import JudgePlan, ShadowStage
from treadle.releases.rollouts.readings import ShadowEvidence
from treadle.traces.outcome_types import ShadowPair

ALPHA = 0.05
LEAST_LABELLED = 50
"""Labelled units before the gain is asked for."""
_EDGES = re.compile(r"^[\s\"'`.,;:!?()\[\]]+|[\s\"'`.,;:!?()\[\]]+$")
_SPACES = re.compile(r"\s+")


class Shadow(NamedTuple):
    """All that pairs have shown; a value, replaced by `take_pair` and `take_label`."""

    agreement: Betting = Betting(ALPHA)
    gain: Betting = Betting(ALPHA)
    """Of (gain + 1) / 2, which lies in 0-1."""
    failures: Evidence = evidence.start(1.5)
    """Of pairs in which exactly one failed."""
    seq: int = 0
    """Last pair's place in the order of traces that is counted."""
    preference: Betting = Betting(ALPHA)
    """Of the candidate's wins by the judge, a tie being half a win."""
    wins: int = 0
    losses: int = 0
    unscored: int = 0
    """Pairs that the judge could not judge."""
    judged_seq: int = 0
    """Last pair's place that the judge was asked about; it comes after the others."""
    judge_problem: str = ""
    """Why the judge cannot be asked now; empty when it can."""


Verdict = Literal["good", "bad", "undecided"]


def take_pair(state: Shadow, pair: ShadowPair, agree: Literal["exact", "normalised"]) -> Shadow:
    """Return the evidence after one more unit's pair."""
    stable_failed, candidate_failed = pair.stable_status == "error", pair.candidate_status == "error"
    if stable_failed != candidate_failed:
        outcome = Outcome("candidate" if candidate_failed else "stable", 0.5, True)
        state = state._replace(failures=evidence.observe(state.failures, outcome))
    same = not stable_failed and not candidate_failed and are_same(pair.stable_text, pair.candidate_text, agree)
    if stable_failed and candidate_failed:
        return state  # nothing was answered, so there is nothing to agree on
    return state._replace(agreement=bet(state.agreement, 1.0 if same else 0.0))


def take_label(
    state: Shadow,
    pair: ShadowPair,
    agree: Literal["exact", "normalised"],
    *,
    expected: str | None,
    correct: bool | None,
) -> Shadow | None:
    """Return the evidence after somebody said what was right; None when that tells nothing about the candidate.

    expected: what the answer should have been. correct: whether the stable release's answer was right, which tells about
    the candidate's where both agree, or where the stable one was right and the candidate says something else.
    """
    if pair.candidate_status == "error":
        candidate_right: bool | None = False
    elif expected is not None:
        candidate_right = are_same(expected, pair.candidate_text, agree)
    elif are_same(pair.stable_text, pair.candidate_text, agree):
        candidate_right = correct
    else:
        candidate_right = False if correct else None
    stable_right = are_same(expected, pair.stable_text, agree) if expected is not None else correct
    if candidate_right is None or stable_right is None:
        return None
    return state._replace(gain=bet(state.gain, (candidate_right - stable_right + 1) / 2))


def take_score(state: Shadow, score: Score) -> Shadow:
    """Return the evidence after one more unit's pair was judged; 1 prefers the candidate. Unscored counts for nobody."""
    if score.value is None:
        return state._replace(unscored=state.unscored + 1)
    return state._replace(
        preference=bet(state.preference, score.value),
        wins=state.wins + (score.value == 1.0),
        losses=state.losses + (score.value == 0.0),
    )


def are_same(one: str, other: str, agree: Literal["exact", "normalised"]) -> bool:
    """Tell whether two answers say the same."""
    return one == other if agree == "exact" else _normalised(one) == _normalised(other)


def judge(stage: ShadowStage, state: Shadow, *, needed_bad: float) -> tuple[Verdict, str]:
    """Return whether the first step may begin, with the reason. needed_bad: E_bad of failures that rolls back."""
    agreement, gain = state.agreement.bounds, _gain_bounds(state)
    if state.failures.e_bad >= needed_bad:
        times = evidence.times(state.failures.e_bad)
        return "bad", f"copied requests fail on the candidate: {times} likelier worse than equal"
    if stage.min_agreement is not None and agreement.high < stage.min_agreement:
        return "bad", f"answers agree in at most {agreement.high:.1%} of pairs; {stage.min_agreement:.0%} are asked for"
    if gain.high < -stage.margin:
        return "bad", f"the candidate is right at least {-gain.high:.1%} less often on copied requests"
    if stage.judge is not None and state.preference.bounds.high < 0.5 - stage.judge.margin:
        return "bad", f"the judge prefers the stable release's answers: {_preference_words(state)}"
    if state.agreement.seen < stage.min_pairs:
        return "undecided", f"{state.agreement.seen} of {stage.min_pairs} pairs"
    if stage.min_agreement is not None and agreement.low < stage.min_agreement:
        return "undecided", f"answers agree in at least {agreement.low:.1%} of pairs; {stage.min_agreement:.0%} needed"
    if state.gain.seen >= LEAST_LABELLED and gain.low <= -stage.margin:
        return "undecided", f"a loss of {-gain.low:.1%} is not ruled out yet on {state.gain.seen} labelled units"
    if stage.judge is not None and (missing := _not_judged(stage.judge, state)):
        return "undecided", missing
    return "good", in_words(state)


def has_backlog(stage: ShadowStage, state: Shadow) -> bool:
    """Tell whether the judge can be asked and has pairs before it that are counted already."""
    return stage.judge is not None and not state.judge_problem and state.judged_seq < state.seq


def _not_judged(judge: JudgePlan, state: Shadow) -> str | None:
    """Return what the judge has not shown yet; None when it has shown enough."""
    judged, low = state.preference.seen, state.preference.bounds.low
    if judged >= judge.min_judged and low > 0.5 - judge.margin:
        return None
    if state.judge_problem:
        return (
            f"the judge '{judge.endpoint}' cannot be asked, so the stage waits for it ({state.judge_problem}); "
            f"{judged} pairs judged"
        )
    if judged < judge.min_judged:
        unscored = f", {state.unscored} more could not be" if state.unscored else ""
        return f"{judged} of {judge.min_judged} pairs judged{unscored}"
    return f"the judge has not ruled out a share of wins below {0.5 - judge.margin:.0%}: {_preference_words(state)}"


def _preference_words(state: Shadow) -> str:
    bounds, judged = state.preference.bounds, state.preference.seen
    share = state.preference.total / judged if judged else 0.0
    told = (
        f"the candidate won {state.wins} of {judged} judged pairs, lost {state.losses}, tied "
        f"{judged - state.wins - state.losses}: {share:.1%} ({100 * bounds.low:.1f}-{100 * bounds.high:.1f} %)"
    )
    return f"{told}; {state.unscored} could not be judged" if state.unscored else told


def in_words(state: Shadow) -> str:
    """Return what pairs have shown, in one sentence."""
    if state.agreement.seen == 0:
        return "no copied request has been answered by both yet"
    bounds = state.agreement.bounds
    share = state.agreement.total / state.agreement.seen
    words = f"{share:.1%} of {state.agreement.seen} pairs agree ({100 * bounds.low:.1f}-{100 * bounds.high:.1f} %)"
    if state.gain.seen:
        gain, limits = _gain(state), _gain_bounds(state)
        words += (
            f"; where right answers are known the candidate is right {gain:+.1%} against the stable release"
            f" ({100 * limits.low:+.1f} to {100 * limits.high:+.1f} on {state.gain.seen})"
        )
    if state.preference.seen:
        words += f"; {_preference_words(state)}"
    elif state.unscored:
        words += f"; {state.unscored} could not be judged"
    if state.failures.units:
        words += f"; alone failed: candidate {state.failures.candidate_bad}, stable {state.failures.stable_bad}"
    return words


def evidence_of(state: Shadow) -> ShadowEvidence:
    """Return the evidence as people see it."""
    agreement, gain = state.agreement.bounds, _gain_bounds(state)
    return ShadowEvidence(
        pairs=state.agreement.seen,
        agreement=state.agreement.total / state.agreement.seen if state.agreement.seen else None,
        agreement_low=agreement.low,
        agreement_high=agreement.high,
        labelled=state.gain.seen,
        gain=_gain(state) if state.gain.seen else None,
        gain_low=gain.low,
        gain_high=gain.high,
        stable_failed=state.failures.stable_bad,
        candidate_failed=state.failures.candidate_bad,
        wins=state.wins,
        ties=state.preference.seen - state.wins - state.losses,
        losses=state.losses,
        unscored=state.unscored,
        preference=state.preference.total / state.preference.seen if state.preference.seen else None,
        preference_low=state.preference.bounds.low,
        preference_high=state.preference.bounds.high,
        judge_problem=state.judge_problem or None,
        words=in_words(state),
    )


def _gain(state: Shadow) -> float:
    return 2 * state.gain.total / state.gain.seen - 1


def _gain_bounds(state: Shadow) -> Bounds:
    bounds = state.gain.bounds
    return Bounds(2 * bounds.low - 1, 2 * bounds.high - 1)


def _normalised(text: str) -> str:
    return _SPACES.sub(" ", _EDGES.sub("", text)).casefold()
