"""What pages about prompts and experiments look at: scripted endpoints, imported rows, experiments that have run."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from tests.evals.serving import experiment, serve_scripted
from tests.traces.home import Home, ensure_endpoint
from treadle.evals.types import Experiment, Target
from treadle.gateway.types import Rule
from treadle.prompts.types import Message, NewVersion

T = TypeVar("T")
P = ParamSpec("P")

HOSTILE = (
    "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script> [a](javascript:alert(1))"
)
"""What must stay text wherever it is shown."""
ARABIC = "مرحبا، أين طردي رقم 1234؟"
LONG = "word " * 4_000 + "end"


def aside(work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
    """Do something that has an event loop of its own: Playwright's has this thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work, *given, **named).result()


def endpoint(home: Home, name: str, *rules: Rule) -> None:
    """Serve an endpoint by rules; it stands in the list of endpoints too."""
    ensure_endpoint(home.client, name)
    aside(serve_scripted, home, name, list(rules))


def imported(home: Home, folder: Path, rows: list[dict[str, Any]], name: str = "asked") -> str:
    """Import rows with 'input' and 'label'; returns the dataset version's id."""
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    mapping: dict[str, object] = {"input": "input", "expected_output": "label"}
    run = home.client.runs.wait(home.client.datasets.import_file(name, path, mapping=mapping).run_id)
    return str(run.outputs["version_id"])


def tried(home: Home, name: str, data: str, **facts: Any) -> Experiment:
    """Run an experiment of the endpoint that it is named after, to its end."""
    return aside(experiment, home, name=name, target=Target(endpoint=name), dataset_version_id=data, **facts)


def says(*texts: str, **more: Any) -> NewVersion:
    """Return a version of a system and a user message, or of a user message alone."""
    roles = ("system", "user") if len(texts) == 2 else ("user",)
    messages = [
        Message.model_validate({"role": role, "template": text}) for role, text in zip(roles, texts, strict=True)
    ]
    return NewVersion(messages=messages, **more)
