"""What searches for prompts run on: a project, endpoints that answer by script, and rows that are split."""

from __future__ import annotations

from tests.playground.conftest import endpoint, home, module_server

__all__ = ["endpoint", "home", "module_server"]
