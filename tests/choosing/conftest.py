"""What choices run on: a server per module, a project per test, and models that answer by script."""

from __future__ import annotations

from tests.traces.home import home, module_server

__all__ = ["home", "module_server"]
