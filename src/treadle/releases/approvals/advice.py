"""What to do so that a release may serve: the next command that works, for its gates as they are. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from treadle.releases.types import Release

REASON = "--override-reason 'why it may serve all the same'"


def next_step(release: Release, *, gates: Sequence[str] = ()) -> str:
    """Return the commands that lead on. gates: those that an environment's policy asks for, whatever reason is given."""
    passed = {gate.name for gate in release.gates if gate.result == "passed"}
    missing = [name for name in gates if name not in passed]
    if missing:
        named = "" if missing[0] == "evaluation" else f" --name {missing[0]}"
        judge = f"treadle release gate {release.release_id} --baseline EXPERIMENT --candidate EXPERIMENT{named}"
        return f"have it judged with: {judge}, then approve it with: treadle release approve {release.release_id}"
    if has_passed(release):
        return f"approve it with: treadle release approve {release.release_id}"
    why = "its gate failed" if release.gates else "no gate has judged it"
    return f"{why}, so approving it takes a reason: treadle release approve {release.release_id} {REASON}"


def has_passed(release: Release) -> bool:
    """Tell whether a release was judged and no gate failed: then it may be approved without a reason."""
    return bool(release.gates) and all(gate.result == "passed" for gate in release.gates)
