"""A kill in the middle of a rotation of the master key loses no secret."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import psycopg

from tests.governance.opening import opened
from treadle.core.settings import Settings
from treadle.server.local import mounted
from treadle.server.platform import Platform


def test_killed_in_the_middle(settings: Settings) -> None:
    """
    Killed between the new key's file and the last resealed secret, every secret still opens; the next rotation reseals all.
    """
    with mounted(settings) as client:
        client.secrets.set_("one", "1")
        client.secrets.set_("two", "2")

    with psycopg.connect(str(settings.database_url)) as connection:
        connection.execute("select from secrets where name = 'two' for update")  # the rotation waits here, half done
        rotation = _start_rotation(settings)
        _wait_for_second_key(settings)
        rotation.kill()
        rotation.wait()
        connection.rollback()

    assert {"one": "1", "two": "2"} == _opened(settings)
    with mounted(settings) as client:
        assert {"k1"} == {secret.master_key_id for secret in client.secrets.list_()}
        assert 2 == client.secrets.rotate()
        assert {"k3"} == {secret.master_key_id for secret in client.secrets.list_()}
    assert {"one": "1", "two": "2"} == _opened(settings)


def _start_rotation(settings: Settings) -> subprocess.Popen[bytes]:
    environment = os.environ | {
        "TREADLE_WORKSPACE": str(settings.workspace),
        "TREADLE_DATABASE_URL": str(settings.database_url),
    }
    return subprocess.Popen([sys.executable, "-m", "treadle.cli.main", "secret", "rotate"], env=environment)


def _wait_for_second_key(settings: Settings) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if "k2" in json.loads((settings.keys_folder / "master.json").read_text())["keys"]:
            return
        time.sleep(0.02)
    raise AssertionError("the rotation did not begin")


def _opened(settings: Settings) -> dict[str, str]:
    platform = Platform(settings)
    platform.open()
    try:
        return opened(platform)
    finally:
        platform.close()
