"""A server for the module, a project for each test."""

from __future__ import annotations

from tests.traces.home import home, module_server

__all__ = ["home", "module_server"]
