"""The charts that people keep, in PostgreSQL."""

from __future__ import annotations

from psycopg.types.json import Jsonb

from treadle.monitoring.dashboards.types import Chart, SavedChart
from treadle.storage.database import Connection, Migration


def put_chart(db: Connection, chart: SavedChart) -> None:
    """Keep a chart, or change the one of this name."""
    drawn = chart.model_dump(mode="json", include=set(Chart.model_fields))
    db.execute(
        """insert into charts (name, chart, created_at) values (%s, %s, %s)
            on conflict (project_id, name) do update set chart = excluded.chart""",
        [chart.name, Jsonb(drawn), chart.created_at],
    )


def find_chart(db: Connection, name: str) -> SavedChart | None:
    """Return a chart by name, or None."""
    row = db.execute("select chart, created_at from charts where name = %s", [name]).fetchone()
    return None if row is None else SavedChart(**row["chart"], created_at=row["created_at"])


def list_charts(db: Connection, after: str | None, limit: int) -> list[SavedChart]:
    """Return charts by name."""
    rows = db.execute(
        "select chart, created_at from charts where (%s::text is null or name > %s) order by name limit %s",
        [after, after, limit],
    )
    return [SavedChart(**row["chart"], created_at=row["created_at"]) for row in rows]


def delete_chart(db: Connection, name: str) -> bool:
    """Forget a chart; returns whether there was one."""
    return db.execute("delete from charts where name = %s", [name]).rowcount > 0


MIGRATIONS = (
    Migration(
        "charts",
        """
        create table charts (
            project_id text not null default current_setting('treadle.project'),
            name text not null,
            chart jsonb not null,
            created_at timestamptz not null,
            primary key (project_id, name)
        );
        select treadle_isolate('charts');
        """,
    ),
)
