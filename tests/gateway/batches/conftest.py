"""A desk for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import RunningServer
from tests.gateway.batches.desk import Desk


@pytest.fixture
def desk(server: RunningServer) -> Iterator[Desk]:
    """
    A real server with a scripted endpoint, and OpenAI's client on it.
    """
    made = Desk(server)
    yield made
    made.client.close()
