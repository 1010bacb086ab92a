"""The journal of durable work: DBOS on the same PostgreSQL, opened, asked and closed. It keeps only ids and small JSON and is
told never to pickle.
"""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import anyio.to_thread
from dbos import DBOS, Serializer

APPLICATION_VERSION = "1"  # workflows begun by an older release go on in a newer one: handlers keep their step names


class JsonSerializer(Serializer):  # type: ignore[misc]  # DBOS ships no types we follow
    """What DBOS keeps is JSON; anything else is a fault of ours and fails loudly."""

    def serialize(self, data: Any) -> str:
        """Return JSON; exceptions become their words."""
        return json.dumps(
            data, default=lambda value: {"error": str(value)} if isinstance(value, BaseException) else _refuse(value)
        )

    def deserialize(self, serialized_data: str) -> Any:
        """Return the value."""
        return json.loads(serialized_data)

    def name(self) -> str:
        """The name DBOS keeps beside each value."""
        return "treadle_json"


def journal_at(database_url: str) -> DBOS:
    """Return the journal; once it is launched, DBOS begins again what was at work when the last process ended."""
    return DBOS(
        config={
            "name": "treadle",
            "system_database_url": database_url.replace("postgresql://", "postgresql+psycopg://", 1),
            "application_version": APPLICATION_VERSION,
            "executor_id": "local",
            "serializer": JsonSerializer(),
            "sys_db_pool_size": 2,
            "log_level": "ERROR",
            "console_log_level": "ERROR",
            "use_listen_notify": True,
        }
    )


async def close_journal(journal: DBOS | None) -> None:
    """Close the journal, on the loop that opened it; None where it came to none, and only its workflows are named."""
    # DBOS made its thread pool this loop's default and closes it now; whatever else uses the loop needs an open one.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(thread_name_prefix="treadle"))
    # A thread that writes down what a step came to would otherwise try again for ever where the database is gone,
    # and keep this process from ending.
    kept = getattr(journal, "_sys_db_field", None)
    if kept is not None:
        kept._retry_connection_errors = False
    await anyio.to_thread.run_sync(partial(DBOS.destroy, destroy_registry=True))


async def workflow_statuses(run_ids: list[str]) -> dict[str, str]:
    """Return how the runs' workflows stand, in DBOS's words; a run that has none is left out."""
    if not run_ids:
        return {}
    found = await DBOS.list_workflows_async(workflow_ids=run_ids, load_input=False, load_output=False)
    return {workflow.workflow_id: workflow.status for workflow in found}


def _refuse(value: object) -> Any:
    raise TypeError(f"{type(value).__name__} is not JSON; hand ids and plain values to durable work")
