"""A server for the module, a project for each test."""

from __future__ import annotations

from tests.comments.conftest import join
from tests.traces.home import home, module_server

__all__ = ["home", "join", "module_server"]
