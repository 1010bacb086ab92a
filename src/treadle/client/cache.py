"""SDK: the gateway's cache."""

from __future__ import annotations

from urllib.parse import quote

from treadle.client.calls import Call, Send
from treadle.gateway.cache.types import CacheStats, Calibration, Cleared, NewCalibration


class CacheCalls:
    """`client.cache`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def list_stats(self) -> list[CacheStats]:
        """Return what the cache did, by endpoint."""
        return self._send(Call("GET", "/cache", list[CacheStats]))

    def clear(self, endpoint: str) -> Cleared:
        """Forget every answer of an endpoint, its counts and its checks. Safe to repeat."""
        return self._send(Call("DELETE", f"/cache/{quote(endpoint, safe='')}", Cleared))

    def calibrate(self, endpoint: str, *, max_wrong_rate: float = 0.05, last: int = 400) -> Calibration:
        """Choose a threshold for similar answers from past requests; changes nothing. Raises MissingExtra."""
        new = NewCalibration(max_wrong_rate=max_wrong_rate, last=last)
        return self._send(Call("POST", f"/cache/{quote(endpoint, safe='')}/calibrate", Calibration, body=new))
