"""A server per module and a project per test, for datasets."""

from __future__ import annotations

from tests.traces.home import home, module_server

__all__ = ["home", "module_server"]
