"""Batches whose lines are asked from a Ray cluster: the same answers, through the gateway, whatever dies there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import openai
import pytest

from tests.conftest import running
from tests.gateway.batches.desk import CHAT, Desk, request
from tests.gateway.harness import wait_for
from tests.ports import free_port
from tests.ray_cluster import Cluster, needs_ray, ray_cluster
from treadle.core.settings import Settings
from treadle.gateway.types import Rule
from treadle.governance.types import NewApiKey
from treadle.server.doctor import Check, examine

LINES = 200


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """
    A cluster for the tests of this file.
    """
    with pytest.MonkeyPatch.context() as patch, ray_cluster(patch) as made:
        yield made


@needs_ray
def test_a_worker_dies_in_the_middle(settings: Settings, cluster: Cluster) -> None:
    """
    The files are as they are without Ray although a worker was killed, each line has one answer, and what died is started again.
    """
    lines = [request(f"r{number}", f"say word{number}") for number in range(LINES)]
    with desk_at(settings.model_copy(update={"ray": cluster.address})) as desk:
        desk.publish(Rule(match="bad", status=400, reply="no"), Rule(match=r"say (\w+)", reply=r"\1", delay_ms=100))

        started = desk.start(*lines, request("odd", "bad"))
        wait_for(lambda: desk.server.client.batches.get(started.id).request_counts.completed > 20, seconds=60)
        (worker,) = cluster.workers()
        worker.kill()
        done = desk.wait(started)
        good, failed = desk.lines(done.output_file_id), desk.lines(done.error_file_id)

        assert "completed" == done.status
        assert [f"r{number}" for number in range(LINES)] == list(good)
        assert {f"r{number}": f"word{number}" for number in range(LINES)} == {
            name: line["response"]["body"]["choices"][0]["message"]["content"] for name, line in good.items()
        }
        assert {"odd": 400} == {name: line["response"]["status_code"] for name, line in failed.items()}
        said = [
            each.text for each in desk.server.client.runs.logs(desk.server.client.batches.get(started.id).run_id or "")
        ]
        assert any(f"asked from Ray at '{cluster.address}', 8 at once" in text for text in said)
        wait_for(lambda: not cluster.workers())


@needs_ray
def test_limits_on_ray(settings: Settings, cluster: Cluster) -> None:
    """
    Lines that come from Ray count as requests of the key that started the batch: its tenth of ten a month is the last that is answered.
    """
    with desk_at(settings.model_copy(update={"ray": cluster.address})) as desk:
        desk.server.client.limits.set_(10, "requests", per="month", scope="key")
        wait_for(desk.limits)

        started = desk.start(*(request(f"r{number}", f"say word{number}") for number in range(40)))
        wait_for(lambda: desk.server.client.batches.get(started.id).request_counts.completed == 10, seconds=60)
        with pytest.raises(openai.RateLimitError):
            desk.client.chat.completions.create(model="support", messages=[{"role": "user", "content": "say x"}])
        desk.client.batches.cancel(started.id)
        done = desk.wait(started)

        assert "cancelled" == done.status
        assert 10 == len(desk.lines(done.output_file_id))
        assert 30 == len(desk.lines(done.error_file_id))


@needs_ray
def test_a_key_that_is_revoked(settings: Settings, cluster: Cluster) -> None:
    """
    When its key is revoked, what runs on Ray stops too, says so, and hands over what was answered.
    """
    with desk_at(settings.model_copy(update={"ray": cluster.address})) as desk:
        desk.publish(Rule(reply="late", delay_ms=1_000))
        made = desk.server.client.access.create_key(NewApiKey(name="app", role="service"))
        file_id = desk.upload(*(request(f"r{number}") for number in range(200)))
        with desk.client_of(made.key) as app:
            started = app.batches.create(input_file_id=file_id, endpoint=CHAT, completion_window="24h")
        wait_for(lambda: desk.server.client.batches.get(started.id).request_counts.completed > 0, seconds=60)

        desk.server.client.access.revoke_key("app")
        done = desk.wait(started)

        assert "failed" == done.status
        assert done.errors is not None
        assert done.errors.data is not None
        assert ["invalid_api_key"] == [each.code for each in done.errors.data]
        assert 0 < len(desk.lines(done.output_file_id)) < 200


@needs_ray
def test_a_gateway_that_workers_do_not_reach(settings: Settings, cluster: Cluster) -> None:
    """
    Where workers do not reach the gateway the batch fails and says where it looked, and no line is asked from elsewhere.
    """
    url = f"http://127.0.0.1:{free_port()}"
    with desk_at(settings.model_copy(update={"ray": cluster.address, "gateway_url": url})) as desk:
        done = desk.wait(desk.start(request("a", "say hello")))

        assert "failed" == done.status
        assert done.errors is not None
        assert done.errors.data is not None
        assert url in (done.errors.data[0].message or "")
        assert "TREADLE_GATEWAY_URL" in (done.errors.data[0].message or "")
        assert done.output_file_id is None


def test_a_cluster_that_is_not_there(settings: Settings) -> None:
    """
    Where Ray is not to be had the batch fails within seconds and says what was looked for; nothing is asked in this process instead.
    """
    address = f"127.0.0.1:{free_port()}"
    with desk_at(settings.model_copy(update={"ray": address})) as desk:
        done = desk.wait(desk.start(request("a", "say hello")))

        assert "failed" == done.status
        assert done.errors is not None
        assert done.errors.data is not None
        assert address in (done.errors.data[0].message or "")
        assert done.output_file_id is None


@needs_ray
def test_doctor_looks_at_ray(tmp_path: Path, cluster: Cluster) -> None:
    """
    The doctor joins the cluster that is set and says what it found; one that is not there is a failure, one that is not set no matter.
    """
    there, gone = cluster.address, f"127.0.0.1:{free_port()}"

    found = {ray: _looked(Settings(workspace=tmp_path, ray=ray)) for ray in (there, gone, None)}

    assert [("ok", True)] == [(check.status, "1 machine, 1 processors" in check.found) for check in found[there]]
    assert [("failed", True)] == [(check.status, gone in check.found) for check in found[gone]]
    assert [] == found[None]


@contextmanager
def desk_at(settings: Settings) -> Iterator[Desk]:
    """
    Return a desk at a server with these settings.
    """
    with contextmanager(running)(settings) as server:
        desk = Desk(server)
        yield desk
        desk.client.close()


def _looked(settings: Settings) -> list[Check]:
    return [check for check in examine(settings) if check.name == "Ray"]
