"""A body of OTLP/HTTP becomes raw spans. What is wrong with one span costs that span and not its neighbours.

Nothing is allocated by a number that the sender chose, and nothing nests deeper than `limits` says. One span costs some
10 microseconds.
"""

from __future__ import annotations

from treadle.core.errors import InvalidInput
from treadle.traces.otlp.json import read_json
from treadle.traces.otlp.refusal import Refused
from treadle.traces.otlp.sink import Decoded, Sink

PROTOBUF, JSON = "application/x-protobuf", "application/json"


class OtlpRefused(InvalidInput):
    """A body that is no OTLP trace export."""

    code = "traces.otlp_refused"


def decode(body: bytes, content_type: str) -> Decoded:
    """Return the spans of an uncompressed body, and how many were refused for what. Raises OtlpRefused, nothing else.

    content_type: 'application/x-protobuf' or 'application/json', parameters are ignored.
    """
    media = content_type.partition(";")[0].strip().lower()
    sink = Sink()
    try:
        if media == PROTOBUF:
            from treadle.traces.otlp.protobuf import read_protobuf  # opentelemetry-proto: only where spans are taken in

            read_protobuf(body, sink)
        elif media == JSON:
            read_json(body, sink)
        else:
            raise Refused(
                f"the body is said to be '{media[:100]}'; OTLP is '{PROTOBUF}' or '{JSON}': set the header Content-Type"
            )
    except Refused as refused:
        raise OtlpRefused(str(refused)) from None
    return sink.decoded()
