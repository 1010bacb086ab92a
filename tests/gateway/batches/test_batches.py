"""Batches through OpenAI's client: asked through the gateway, counted, stopped, expired, refused in words."""

from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal

import openai
import psycopg
import pytest

from tests.gateway.batches.desk import CHAT, FINAL, Desk, request
from tests.gateway.harness import wait_for
from tests.gateway.wall import Fault, Wall
from treadle.gateway.app import INSIDE
from treadle.gateway.batches.work import pause_seconds
from treadle.gateway.types import Rule
from treadle.governance.types import NewApiKey
from treadle.traces.pricing import Price

DEAR = Price(input_usd_per_token=Decimal("1e-3"), output_usd_per_token=Decimal("1e-4"), source="test")


def test_a_batch_from_end_to_end(desk: Desk) -> None:
    """
    Good lines come back in the output file, refused ones in the error file; counts, usage, times and traces agree.
    """
    lines = [request(f"r{number}", f"say word{number}") for number in range(20)]

    started = desk.start(*lines, request("odd", "bad"))
    done = desk.wait(started)
    good, failed = desk.lines(done.output_file_id), desk.lines(done.error_file_id)

    assert ("validating", "24h", {"for": "test"}) == (started.status, started.completion_window, started.metadata)
    assert started.expires_at == started.created_at + 24 * 3600
    assert ("completed", "support") == (done.status, done.model)
    assert done.request_counts is not None
    assert (21, 20, 1) == (done.request_counts.total, done.request_counts.completed, done.request_counts.failed)
    assert {f"r{number}": f"word{number}" for number in range(20)} == {
        name: line["response"]["body"]["choices"][0]["message"]["content"] for name, line in good.items()
    }
    assert {"odd": 400} == {name: line["response"]["status_code"] for name, line in failed.items()}
    assert done.usage is not None
    assert done.usage.total_tokens == sum(line["response"]["body"]["usage"]["total_tokens"] for line in good.values())
    assert done.in_progress_at is not None
    assert done.finalizing_at is not None
    assert done.completed_at is not None
    asked = {line["response"]["request_id"] for line in (*good.values(), *failed.values())}
    wait_for(lambda: asked == {trace.trace_id for trace in desk.server.client.traces.list_(limit=100).items})


def test_faults_of_a_file(desk: Desk) -> None:
    """
    A file with faulty lines is not asked at all; each fault is listed with its line.
    """
    done = desk.wait(desk.start(request("a"), "{broken", request("a")))

    assert "failed" == done.status
    assert done.errors is not None
    assert done.errors.data is not None
    assert [("invalid_json_line", 2), ("duplicate_custom_id", 3)] == [
        (each.code, each.line) for each in done.errors.data
    ]
    assert (None, None) == (done.output_file_id, done.error_file_id)


def test_lines_that_no_parser_or_database_takes(desk: Desk) -> None:
    """
    However a line is at fault the batch ends with words for it; one whose model nobody knows is refused by itself.
    """
    deep = json.dumps(request("deep", tools="x")).replace('"x"', "[" * 100_000 + "]" * 100_000)
    odd = request("a\0", model="a\0b")

    done = desk.wait(desk.start(request("a"), deep, {**odd, "method": "POST\0"}))
    went = desk.wait(desk.start(odd, request("b")))

    assert "failed" == done.status
    assert done.errors is not None
    assert [("invalid_json_line", 2), ("invalid_method", 3)] == [
        (each.code, each.line) for each in done.errors.data or []
    ]
    assert ("completed", "a?b") == (went.status, went.model)
    assert {"b"} == set(desk.lines(went.output_file_id))
    assert 404 == desk.lines(went.error_file_id)["a\0"]["response"]["status_code"]


def test_a_line_of_twenty_mebibytes(desk: Desk) -> None:
    """
    A line may be as large as what the gateway takes in one request, such as one with images in it.
    """
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * (20 << 20)}}
    large = request("large")
    large["body"]["messages"][0]["content"] = [{"type": "text", "text": "hello"}, image]

    done = desk.wait(desk.start(large, request("small")))

    assert ("completed", None) == (done.status, done.errors)
    assert {"large", "small"} == set(desk.lines(done.output_file_id))


def test_embeddings_do_not_exist_here(desk: Desk) -> None:
    """
    An endpoint that the gateway does not speak is refused with those that it does.
    """
    with pytest.raises(openai.BadRequestError, match="/v1/chat/completions"):
        desk.client.batches.create(
            input_file_id=desk.upload(request("a")), endpoint="/v1/images", completion_window="24h"
        )  # type: ignore[arg-type]


def test_a_file_that_is_not_there(desk: Desk) -> None:
    """
    A batch over an unknown file, or a window that is not offered, is refused at once.
    """
    with pytest.raises(openai.NotFoundError) as caught:
        desk.client.batches.create(input_file_id="file_x", endpoint="/v1/chat/completions", completion_window="24h")
    with pytest.raises(openai.BadRequestError) as window:
        desk.client.batches.create(input_file_id="file_x", endpoint="/v1/chat/completions", completion_window="1h")  # type: ignore[arg-type]

    assert "gateway.file_not_found" == caught.value.code
    assert "completion_window" == window.value.param


def test_cancelling_keeps_what_was_done(desk: Desk) -> None:
    """
    Cancelling asks nothing more: lines that were answered are in the output, the others are named in the error file.
    """
    desk.publish(Rule(reply="late", delay_ms=1_000))
    started = desk.start(*(request(f"r{number}") for number in range(200)))
    wait_for(lambda: (desk.client.batches.retrieve(started.id).request_counts or started.request_counts).completed > 0)  # type: ignore[union-attr]

    cancelling = desk.client.batches.cancel(started.id)
    done = desk.wait(started)
    good, unasked = desk.lines(done.output_file_id), desk.lines(done.error_file_id)

    assert "cancelling" == cancelling.status
    assert "cancelled" == done.status
    assert 200 == len(good) + len(unasked)
    assert 0 < len(good) < 100
    assert {"batch_cancelled"} == {line["error"]["code"] for line in unasked.values()}
    assert done.request_counts is not None
    assert len(good) == done.request_counts.completed
    with pytest.raises(openai.ConflictError):
        desk.client.batches.cancel(started.id)


def test_a_window_that_is_over(desk: Desk) -> None:
    """
    What was not asked within the window expires; what was answered is handed over.
    """
    desk.publish(Rule(reply="late", delay_ms=1_000))
    started = desk.start(*(request(f"r{number}") for number in range(200)))
    desk.wait(started, "in_progress")
    with psycopg.connect(desk.server.platform.settings.database_url or "") as connection:
        connection.execute("update gateway_batches set expires_at = now() - interval '1 hour'")
    done = desk.wait(started)

    assert "expired" == done.status
    assert done.expired_at is not None
    assert {"batch_expired"} == {line["error"]["code"] for line in desk.lines(done.error_file_id).values()}


def test_a_limit_of_the_key(desk: Desk) -> None:
    """
    A batch is bound by the limits of the key it was started with: it waits and goes on, and no line fails for it.
    """
    desk.publish(Rule(reply="parcel", delay_ms=50))
    desk.server.client.limits.set_(2, "concurrency", scope="key")

    done = desk.wait(desk.start(*(request(f"r{number}") for number in range(12))))

    assert done.request_counts is not None
    assert (12, 0) == (done.request_counts.completed, done.request_counts.failed)


def test_a_key_that_is_revoked(desk: Desk) -> None:
    """
    When its key is revoked a batch stops, says so, and hands over what was answered.
    """
    desk.publish(Rule(reply="late", delay_ms=1_000))
    made = desk.server.client.access.create_key(NewApiKey(name="app", role="service"))
    with desk.client_of(made.key) as app:
        started = app.batches.create(
            input_file_id=desk.upload(*(request(f"r{number}") for number in range(200))),
            endpoint="/v1/chat/completions",
            completion_window="24h",
        )
    wait_for(lambda: (desk.client.batches.retrieve(started.id).request_counts or started.request_counts).completed > 0)  # type: ignore[union-attr]

    desk.server.client.access.revoke_key("app")
    done = desk.wait(started)

    assert "failed" == done.status
    assert done.errors is not None
    assert done.errors.data is not None
    assert ["invalid_api_key"] == [each.code for each in done.errors.data]
    assert 0 < len(desk.lines(done.output_file_id)) < 200


def test_a_key_for_other_endpoints(desk: Desk) -> None:
    """
    A batch reaches only the endpoints of its key.
    """
    made = desk.server.client.access.create_key(NewApiKey(name="app", role="service", endpoints=["other"]))
    with desk.client_of(made.key) as app:
        file = app.files.create(file=("x.jsonl", json.dumps(request("a")).encode()), purpose="batch")
        started = app.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
        done = desk.wait(started)

    assert {"a": 404} == {
        name: line["response"]["status_code"] for name, line in desk.lines(done.error_file_id).items()
    }


def test_what_a_restricted_key_sees(desk: Desk) -> None:
    """
    A key for some endpoints sees its own files and batches and what came of them; a key for all sees the project's.
    """
    create = desk.server.client.access.create_key
    mine, other = (create(NewApiKey(name=name, role="service", endpoints=["support"])) for name in ("mine", "other"))
    with desk.client_of(mine.key) as app, desk.client_of(other.key) as stranger:
        file = app.files.create(file=("x.jsonl", json.dumps(request("a")).encode()), purpose="batch")
        started = app.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
        done = desk.wait(started)
        owned = {file.id, done.output_file_id}

        for ask, what in (
            (stranger.files.retrieve, file.id),
            (stranger.files.content, done.output_file_id),
            (stranger.files.delete, file.id),
            (stranger.batches.retrieve, started.id),
            (stranger.batches.cancel, started.id),
        ):
            with pytest.raises(openai.NotFoundError):
                ask(str(what))
        with pytest.raises(openai.NotFoundError):
            stranger.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
        seen = [{each.id for each in client.files.list()} for client in (app, stranger, desk.client)]
        batches = [[each.id for each in client.batches.list()] for client in (app, stranger, desk.client)]

    assert [owned, set(), owned] == seen
    assert [[started.id], [], [started.id]] == batches


def test_a_line_that_no_limit_ever_allows(desk: Desk) -> None:
    """
    A line that is larger than a limit's whole window is answered with that refusal, and the others go on.
    """
    desk.server.client.limits.set_(3000, "tokens", per="month", scope="project")
    wait_for(desk.limits)

    done = desk.wait(desk.start(request("large", max_tokens=4000), request("small", max_tokens=10)))

    assert ["small"] == list(desk.lines(done.output_file_id))
    large = desk.lines(done.error_file_id)["large"]["response"]
    assert (429, "request_over_limit") == (large["status_code"], large["body"]["error"]["code"])


def test_a_budget_that_nobody_can_count_for_a_while(desk: Desk, database_url: str) -> None:
    """
    While the database counts no budgets the lines wait for it, and are no errors.
    """
    desk.publish(Rule(reply="parcel"), price=DEAR)
    desk.server.client.limits.set_(5, "usd", per="month", scope="project")
    wait_for(desk.limits)

    with psycopg.connect(database_url) as held:
        held.execute("lock table gateway_limit_windows in access exclusive mode")
        started = desk.start(request("a"), request("b"))
        # Four times asked in vain, 3.5 s and what the asking took, used to be the end of a line.
        with suppress(AssertionError):
            wait_for(lambda: desk.client.batches.retrieve(started.id).status in FINAL, seconds=20)
    done = desk.wait(started)

    assert ("completed", None) == (done.status, done.error_file_id)
    assert {"a", "b"} == set(desk.lines(done.output_file_id))


def test_a_provider_that_is_never_free(desk: Desk) -> None:
    """
    A line whose provider keeps saying that it is too much is given up after some tries.
    """
    with Wall() as wall:
        wall.behave("*", Fault(status=429, retry_after="0"))
        desk.publish_at(wall)

        done = desk.wait(desk.start(request("a")))

    line = desk.lines(done.error_file_id)["a"]["response"]
    assert (429, "upstream_rate_limited") == (line["status_code"], line["body"]["error"]["code"])


def test_an_upstream_that_fails_for_a_while(desk: Desk) -> None:
    """
    A line that the upstream fails is asked again, and is an error line when it keeps failing.
    """
    desk.publish(Rule(match="broken", status=500), Rule(reply="parcel"))

    done = desk.wait(desk.start(request("a"), request("b", "broken")))

    assert ["a"] == list(desk.lines(done.output_file_id))
    # 503 once the target is given a rest, which is a matter of the moment.
    assert desk.lines(done.error_file_id)["b"]["response"]["status_code"] in (502, 503)


def test_a_run_that_somebody_cancelled(desk: Desk) -> None:
    """
    A batch whose run was cancelled is cancelled too, with what it had.
    """
    desk.publish(Rule(reply="late", delay_ms=1_000))
    started = desk.start(*(request(f"r{number}") for number in range(200)))
    desk.wait(started, "in_progress")
    run = desk.server.client.runs.list_(kind="gateway.batch").items[0]

    desk.server.client.runs.cancel(run.run_id)
    done = desk.wait(started)

    assert "cancelled" == done.status


def test_pages_of_batches(desk: Desk) -> None:
    """
    Batches are listed newest first, page by page.
    """
    made = [desk.start(request("a")).id for _ in range(3)]

    listed = [each.id for each in desk.client.batches.list(limit=2)]

    assert made[::-1] == listed


def test_one_project_sees_its_own(desk: Desk) -> None:
    """
    Neither files nor batches of another project are found.
    """
    started = desk.start(request("a"))
    with psycopg.connect(desk.server.platform.settings.database_url or "") as connection:
        connection.execute("update gateway_batches set project_id = 'prj_other'")
        connection.execute("update gateway_files set project_id = 'prj_other'")

    with pytest.raises(openai.NotFoundError):
        desk.client.batches.retrieve(started.id)
    assert [] == list(desk.client.files.list())


def test_a_caller_in_a_header_is_nobody(desk: Desk) -> None:
    """
    The door takes a caller from the scope, which only our own process writes; a header of that name is nothing.
    """
    with desk.client_of("nobody") as stranger, pytest.raises(openai.AuthenticationError):
        stranger.with_options(default_headers={INSIDE: "x"}).models.list()


def test_pauses_double_up_to_half_a_minute() -> None:
    """
    The pause before a line is asked again doubles from 0.5 s and is never longer than 30 s.
    """
    assert [0.5, 1.0, 2.0] == [pause_seconds(failures) for failures in (1, 2, 3)]
    assert 30.0 == pause_seconds(50)
