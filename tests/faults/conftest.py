"""The gateway's data planes, for its faults."""

from tests.gateway.conftest import key, module_plane, own_plane, plane

__all__ = ["key", "module_plane", "own_plane", "plane"]
