"""An application's word that nothing may be learnt from a trace: the attribute `treadle.no_training`.

Any span of the trace may say it, or the application of itself (as a resource), so that one call in a long chain is enough.
What says no is not deleted or hidden: only what makes data of traces must leave it out. Pure.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from treadle.traces.texts import scrub

NO_TRAINING = "treadle.no_training"
_IN_SPAN = NO_TRAINING.encode()
_NOTHING = frozenset({"", "0", "false", "no", "none", "null"})


class _Consent(Struct):
    trace_id: str = ""
    attributes: Any = None
    resource: Any = None


_consent = msgspec.json.Decoder(_Consent).decode


def is_refusal(said: object) -> bool:
    """Tell whether a value says that nothing may be learnt: anything but nothing, false, 0, no, none and null."""
    return said is not None and str(said).strip().lower() not in _NOTHING


def trace_refusing(data: bytes) -> str | None:
    """Return the trace of a packed span that says that nothing may be learnt from it; None where it says no such thing."""
    if _IN_SPAN not in data:
        return None
    try:
        found = _consent(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = _consent(scrub(data) or b"{}")
    told = [one.get(NO_TRAINING) for one in (found.attributes, found.resource) if isinstance(one, dict)]
    return found.trace_id if any(map(is_refusal, told)) else None
