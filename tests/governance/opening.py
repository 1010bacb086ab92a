"""Opens stored secrets with the master keys of a platform, as a call to a provider will."""

from __future__ import annotations

import asyncio

from treadle.governance import kept_secrets
from treadle.server.platform import Platform


def opened(platform: Platform) -> dict[str, str]:
    """Return the value of each secret of the default project, by name."""
    ctx, master_keys = platform.local_context(), platform.gatekeeper.master_keys
    held = asyncio.run(ctx.db.read(kept_secrets.list_secrets))
    return {
        secret.name: master_keys.open(envelope, f"{ctx.project_id}|secrets|{secret.name}") for secret, envelope in held
    }
