"""Lines of a batch: every fault by its line, every answer as OpenAI writes it, tokens of any protocol added up."""

from __future__ import annotations

import json
from typing import Any

import pytest

from treadle.gateway.batches.lines import Line, UsageSum, answer_of, check_lines, iter_lines, unanswered
from treadle.gateway.batches.types import MAX_LINES

CHAT = "/v1/chat/completions"


def line(**more: Any) -> bytes:
    """
    Return a sound line with some fields changed.
    """
    body = {"model": "support", "messages": []}
    return json.dumps({"custom_id": "a", "method": "POST", "url": CHAT, "body": body, **more}).encode() + b"\n"


def test_sound_lines_are_counted() -> None:
    """
    Blank lines count for nothing, line numbers stay those of the file, and the first model is told.
    """
    lines = [line(), b"\n", line(custom_id="b"), b"  \n"]

    checked = check_lines(lines, CHAT)

    assert (2, "support", []) == checked
    assert [(1, "a"), (3, "b")] == [(each.number, each.custom_id) for each in iter_lines(lines)]


@pytest.mark.parametrize(
    ("raw", "code", "words"),
    [
        (b"{not json", "invalid_json_line", "needs custom_id, method, url and body"),
        (b"\xff\xfe\n", "invalid_json_line", "needs custom_id"),
        (b"[1]", "invalid_json_line", "needs custom_id"),
        (line(custom_id=7), "invalid_json_line", "custom_id"),
        (line(custom_id=""), "invalid_custom_id", "1 to 512"),
        (line(method="GET"), "invalid_method", "not 'POST'"),
        (line(url="/v1/embeddings"), "mismatched_url", "'/v1/embeddings' is not the batch's endpoint"),
        (line(body={"messages": []}), "invalid_request", "model"),
        (line(body="text"), "invalid_request", "not a request"),
        (line(body={"model": "m", "stream": True}), "invalid_request", "leave 'stream' out"),
        (line().replace(b'"support"', b'"\xff"'), "invalid_request", "can't decode byte 0xff"),
        (
            line(body={"model": "m", "x": [1]}).replace(b"[1]", b"[" * 100_000 + b"]" * 100_000),
            "invalid_json_line",
            "deep",
        ),
        (line(url="/\0" + "x" * 1_000_000), "mismatched_url", "the url '/?xxx"),
        (line(custom_id="b", body={"model": "m", "x": "y" * 2_000_000}), "line_too_large", "1 MiB"),
    ],
)
def test_faults_in_words(raw: bytes, code: str, words: str) -> None:
    """
    Each fault is told with its line and what would have been right.
    """
    checked = check_lines([line(custom_id="first"), raw, line(custom_id="last")], CHAT, max_bytes=1 << 20)

    assert (3, [(code, 2)]) == (checked.total, [(fault.code, fault.line) for fault in checked.faults])
    assert words in checked.faults[0].message
    assert len(checked.faults[0].message) < 300


def test_the_same_custom_id_twice() -> None:
    """
    A custom_id names one line: answers come in any order.
    """
    checked = check_lines([line(custom_id="a\0"), b"\n", line(custom_id="a\0")], CHAT)

    (fault,) = checked.faults
    assert ("duplicate_custom_id", 3, "the custom_id 'a?' is on line 1 too") == (fault.code, fault.line, fault.message)


def test_a_byte_order_mark() -> None:
    """
    A file that begins with a byte order mark is read as if it did not.
    """
    lines = [b"\xef\xbb\xbf" + line(), line(custom_id="b")]

    checked = check_lines(lines, CHAT)

    assert (2, "support", []) == checked
    assert ["a", "b"] == [each.custom_id for each in iter_lines(lines)]


def test_nothing_and_too_much() -> None:
    """
    An empty file and one above the limit are refused; at most a hundred faults are gathered.
    """
    assert ["empty_file"] == [fault.code for fault in check_lines([b"\n"], CHAT).faults]
    faulty = check_lines([b"x"] * 1000, CHAT)
    assert (1000, 100) == (faulty.total, len(faulty.faults))
    many = (line(custom_id=str(number)) for number in range(MAX_LINES + 1))
    assert ["too_many_requests_in_batch"] == [fault.code for fault in check_lines(many, CHAT).faults]


def test_answers_as_openai_writes_them() -> None:
    """
    An answer's line holds status, request id and body; a body that is no JSON stays readable; one not asked has only an error.
    """
    asked = Line(3, "a", b"{}")
    good = answer_of("batch_1", asked, 200, "req_1", b'{"x":\n1}')
    odd = answer_of("batch_1", asked, 502, None, b"<html>")
    late = json.loads(unanswered("batch_1", asked, "batch_expired", "too late"))

    assert (3, True) == good[:2]
    assert {"status_code": 200, "request_id": "req_1", "body": {"x": 1}} == json.loads(good.text)["response"]
    assert "\n" not in good.text
    assert (False, "<html>") == (odd.is_ok, json.loads(odd.text)["response"]["body"])
    for body in (b'{"x":"\xff"}', b"[" * 100_000 + b"]" * 100_000):
        told = json.loads(answer_of("batch_1", asked, 400, None, body).text)["response"]["body"]
        assert body.decode("utf-8", "replace") == told
    assert (None, "batch_expired") == (late["response"], late["error"]["code"])
    assert json.loads(good.text)["id"] == late["id"]


def test_tokens_of_every_protocol() -> None:
    """
    Chat, responses and messages name their tokens differently; 3 + 5 + 7 in, 2 + 4 + 6 out, 1 + 2 + 3 cached, 1 + 2 thought.
    """
    usages = [
        {"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1},
         "completion_tokens_details": {"reasoning_tokens": 1}},
        {"input_tokens": 5, "output_tokens": 4, "input_tokens_details": {"cached_tokens": 2},
         "output_tokens_details": {"reasoning_tokens": 2}},
        {"input_tokens": 7, "output_tokens": 6, "cache_read_input_tokens": 3},
    ]  # fmt: skip
    counted = UsageSum()

    for usage in usages:
        counted.add(json.dumps({"response": {"body": {"usage": usage}}}))
    counted.add(json.dumps({"response": {"body": "text"}}))
    told = counted.usage()

    assert told is not None
    assert (15, 12, 27) == (told.input_tokens, told.output_tokens, told.total_tokens)
    assert (6, 3) == (told.input_tokens_details.cached_tokens, told.output_tokens_details.reasoning_tokens)
    assert UsageSum().usage() is None
