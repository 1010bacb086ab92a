"""Requests as they tell of their callers: who, when, how much, and what guards noted. For whoever looks for abuse."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from treadle.core.types import Record
from treadle.storage.database import Connection
from treadle.traces.standing import answer_within, head


class CallerRequest(Record):
    """One request, without its content but for the question's beginning."""

    trace_id: str
    """The request."""
    started_at: datetime
    """Aware UTC."""
    key_id: str | None
    """API key that called."""
    user_id: str | None
    """End user that the application named."""
    tokens: int
    """Read and written, as far as told."""
    cost_usd: Decimal
    """As far as known."""
    error_code: str | None
    """None unless it failed."""
    signals: list[str]
    """What the gateway noted: 'guard:NAME', 'refusal' …"""
    input_text: str
    """Beginning of the question, up to 200 characters."""


def read_caller_requests(db: Connection, since: datetime, until: datetime, limit: int) -> list[CallerRequest]:
    """Return the newest requests of a time, newest first."""
    rows = db.execute(
        f"""select trace_id, started_at, key_id, user_id, coalesce(input_tokens, 0) + coalesce(output_tokens, 0) as tokens,
            coalesce(cost_usd, 0) as cost_usd, error_code, coalesce(signals, '{{}}') as signals,
            coalesce(input_text, '') as input_text
        from (
            select * from spans s where {head("s")} and s.counted_in is null and s.started_at >= %s and s.started_at < %s
            union all select * from spans s where {answer_within("s")} and not {head("s")} and s.started_at >= %s and s.started_at < %s
        ) s order by started_at desc limit %s""",
        [*[since, until] * 2, limit],
    )
    return [CallerRequest(**row) for row in rows]
