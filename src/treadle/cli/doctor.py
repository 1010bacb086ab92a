"""`treadle doctor`: what can go wrong, and how to mend it."""

from __future__ import annotations

import sys
from typing import Any

import click

from treadle.cli.output import emit_json, json_option, say, workspace_option
from treadle.core.errors import EXIT_CODE, MissingExtra

STYLES = {"ok": "green", "warning": "yellow", "failed": "red"}


@click.command("doctor", epilog="\b\nExample: treadle doctor --port 8800")
@workspace_option
@click.option("--port", type=click.IntRange(0, 65535), help="The port that `treadle up` would use.")
@click.option("--host", help="The address that `treadle up` would use.")
@click.option("--database", "database_url", help="The PostgreSQL server that `treadle up` would use.")
@click.option("--ray", help="The Ray cluster that `treadle up` would use.")
@json_option
def doctor_command(as_json: bool, **given: Any) -> None:
    """Check versions, disk, ports, permissions, database, engines, GPU, Ray and exposure; ends with 3 when something cannot work."""
    from treadle.core.settings import read_settings
    from treadle.server.doctor import examine

    checks = examine(read_settings(**given))
    if as_json:
        emit_json(checks)
    else:
        for check in checks:
            say((f"{check.status:<7}", STYLES[check.status]), "  ", (check.name, "bold"), f": {check.found}")
            if check.mend:
                say(f"         -> {check.mend}")
    if any(check.status == "failed" for check in checks):
        sys.exit(EXIT_CODE[MissingExtra])
