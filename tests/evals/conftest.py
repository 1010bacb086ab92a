"""What tests of experiments share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.releases.studio import Studio, open_studio
from tests.traces.home import home, module_server
from treadle.core.settings import Settings

__all__ = ["home", "module_server", "studio"]


@pytest.fixture
def studio(settings: Settings) -> Iterator[Studio]:
    """
    The contract over a new workspace, without anything that works by itself.
    """
    with open_studio(settings) as opened:
        yield opened
