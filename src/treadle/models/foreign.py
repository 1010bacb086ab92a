"""Weights that others made, taken as data: a hub's files are fetched by pattern, and a folder tells what in it could execute.

The hub is asked through `huggingface_hub`'s ordinary client, which keeps what it fetched; without a network the refusal
says how to go on offline. Workers call this.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from treadle.core.errors import InvalidInput, Unavailable

PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


class NotOnHub(InvalidInput):
    """The model hub has no such model that this server may read."""

    code = "models.not_on_hub"


class HubUnreachable(Unavailable):
    """The model hub cannot be reached, and nothing was fetched before."""

    code = "models.hub_unreachable"


def fetch(hub_id: str, *, patterns: Sequence[str], revision: str | None = None) -> Path:
    """Return the folder with a hub model's files, fetched where they are not here yet. Raises NotOnHub, HubUnreachable.

    patterns: which files; data only. revision: the commit that is meant; None takes the newest.
    """
    import httpx2
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    named = hub_id if revision is None else f"{hub_id} at {revision}"
    try:
        return Path(snapshot_download(hub_id, revision=revision, allow_patterns=list(patterns)))
    except RepositoryNotFoundError as error:
        raise NotOnHub(
            f"the hub has no model '{named}' that this server may read; check the name and its access"
        ) from error
    except RevisionNotFoundError as error:
        raise NotOnHub(
            f"the hub has the model '{hub_id}', but no commit '{revision}' of it; copy one from the model's page, under "
            f"'Files and versions'"
        ) from error
    except (LocalEntryNotFoundError, HfHubHTTPError, httpx2.TransportError, OSError) as error:
        pinned = "" if revision is None else f" --revision {revision}"
        raise HubUnreachable(
            f"the model '{named}' could not be fetched from the model hub ({type(error).__name__}); a network route to the "
            f"hub is needed; offline, copy the model to this machine and give its folder instead, fetched elsewhere with: "
            f"hf download {hub_id}{pinned} --local-dir FOLDER",
            model=hub_id,
        ) from error


def dangers_in(folder: Path, *, is_of_hub: bool = False) -> list[str]:
    """Return, in words, what in a transformers folder could execute, or that its weights are only there as a pickle.

    is_of_hub: as `fetch` returned it: what else lies there other programs have fetched, and nobody reads it.
    """
    told = {name: _read(folder / name) for name in ("config.json", "tokenizer_config.json")}
    odd = [name for name, facts in told.items() if facts is None]
    asks = [name for name, facts in told.items() if facts and facts.get("auto_map")]
    pickled = sorted(path.name for pattern in PICKLED for path in folder.glob(pattern))
    instead = f" (pickled ones are never read: {', '.join(pickled[:3])})" if pickled else ""
    found = [
        (bool(odd), f"{' and '.join(odd)} cannot be read as JSON"),
        (bool(asks), "it asks to run its own code (auto_map)"),
        (not is_of_hub and any(folder.glob("*.py")), "it brings Python files"),
        (not list(folder.glob("*.safetensors")), f"it has no .safetensors weights{instead}"),
    ]
    return [words for is_so, words in found if is_so]


def _read(path: Path) -> dict[str, object] | None:
    """Return what a file says; None where that is no JSON object."""
    try:
        found = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
