"""SDK: rows that measure bias, and what answers to them differ in."""

from __future__ import annotations

from treadle.client.calls import Call, Send
from treadle.evals.bias.types import BiasReport, NewBiasRows, StereotypeReport, TermList
from treadle.jobs.types import Run


class Bias:
    """`client.bias`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def list_terms(self) -> list[TermList]:
        """Return the lists of words for groups that ship, with their sources."""
        return self._send(Call("GET", "/bias/terms", list[TermList]))

    def make_rows(self, new: NewBiasRows) -> Run:
        """Make rows that differ in one group only; returns at once. The run's outputs name the dataset version."""
        return self._send(Call("POST", "/bias/rows", Run, body=new))

    def get_report(self, experiment_id: str, *, alpha: float = 0.05) -> BiasReport:
        """Return whether answers depend on the group that a text speaks of. Raises NotFound, InvalidInput."""
        return self._send(Call("GET", f"/experiments/{experiment_id}/bias", BiasReport, query={"alpha": alpha}))

    def get_stereotypes(self, experiment_id: str) -> StereotypeReport:
        """Return the figures of BBQ or CrowS-Pairs. Raises NotFound, InvalidInput."""
        return self._send(Call("GET", f"/experiments/{experiment_id}/stereotypes", StereotypeReport))
