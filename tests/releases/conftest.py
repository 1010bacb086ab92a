"""What tests of releases share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.releases.studio import Studio, open_studio
from treadle.core.settings import Settings


@pytest.fixture
def studio(settings: Settings) -> Iterator[Studio]:
    """
    The contract over a new workspace, with a controller that ticks when told to.
    """
    with open_studio(settings) as opened:
        yield opened
