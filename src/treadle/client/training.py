"""SDK: start training runs, read pre-flight reports."""

from __future__ import annotations

from treadle.client.calls import Call, Send
from treadle.core.types import JsonValue
from treadle.jobs.types import Run
from treadle.training.types import NewBase, NewFinetune, NewPreflight, PreflightOfRun


class Training:
    """`client.training`; follow what it starts with `client.runs`."""

    def __init__(self, send: Send) -> None:
        self._send = send

    def start_base(
        self,
        model: str,
        *,
        dataset_version_id: str,
        base: str | None = None,
        recipe: dict[str, JsonValue] | None = None,
        licence: str | None = None,
    ) -> Run:
        """Start to train a base from scratch on a version's texts, or to take in the folder or hub id `base`."""
        new = NewBase(
            model=model, dataset_version_id=dataset_version_id, base=base, recipe=recipe or {}, licence=licence
        )
        return self._send(Call("POST", "/training/runs", Run, body=new))

    def start_finetune(
        self,
        model: str,
        *,
        dataset_version_id: str,
        base_version_id: str,
        prompt_version_id: str | None = None,
        recipe: dict[str, JsonValue] | None = None,
        licence: str | None = None,
    ) -> Run:
        """Start to tune a model version on a dataset version's rows."""
        new = NewFinetune(
            kind="finetune",
            model=model,
            dataset_version_id=dataset_version_id,
            base_version_id=base_version_id,
            prompt_version_id=prompt_version_id,
            recipe=recipe or {},
            licence=licence,
        )
        return self._send(Call("POST", "/training/runs", Run, body=new))

    def start_preflight(
        self,
        *,
        dataset_version_id: str,
        base_version_id: str,
        prompt_version_id: str | None = None,
        recipe: dict[str, JsonValue] | None = None,
    ) -> Run:
        """Start a run that examines rows and base as a fine-tune would, and trains nothing."""
        new = NewPreflight(
            dataset_version_id=dataset_version_id,
            base_version_id=base_version_id,
            prompt_version_id=prompt_version_id,
            recipe=recipe or {},
        )
        return self._send(Call("POST", "/training/preflights", Run, body=new))

    def get_preflight(self, run_id: str) -> PreflightOfRun:
        """Return the pre-flight of a run; its report is None until it is made. Raises NotFound for a run of another kind."""
        return self._send(Call("GET", f"/training/runs/{run_id}/preflight", PreflightOfRun))
