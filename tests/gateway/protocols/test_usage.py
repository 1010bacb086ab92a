"""Token counts of every provider's kind as disjoint buckets."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.gateway.protocols.base import Usage
from treadle.gateway.protocols.usage import (
    input_total,
    merged,
    output_total,
    read_chat_usage,
    read_messages_usage,
    read_responses_usage,
    write_chat_usage,
    write_messages_usage,
    write_responses_usage,
)

COUNT = st.integers(0, 10_000)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 4}, Usage(input_tokens=10, output_tokens=4)),
        (
            # 100 read: 60 cached, 5 heard, so 35 afresh; 40 written: 12 thought, 3 spoken, so 25 words.
            {
                "prompt_tokens": 100,
                "completion_tokens": 40,
                "total_tokens": 140,
                "prompt_tokens_details": {"cached_tokens": 60, "audio_tokens": 5},
                "completion_tokens_details": {"reasoning_tokens": 12, "audio_tokens": 3},
            },
            Usage(
                input_tokens=35,
                cache_read_tokens=60,
                input_audio_tokens=5,
                output_tokens=25,
                reasoning_tokens=12,
                output_audio_tokens=3,
            ),
        ),
        (
            # Some state reasoning beside the completion: 10 + 4 + 6 = 20 says so.
            {
                "prompt_tokens": 10,
                "completion_tokens": 4,
                "total_tokens": 20,
                "completion_tokens_details": {"reasoning_tokens": 6},
            },
            Usage(input_tokens=10, output_tokens=4, reasoning_tokens=6),
        ),
        (
            {"prompt_tokens": 10, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 99}},
            Usage(input_tokens=0, cache_read_tokens=10, output_tokens=4),
        ),
        (
            {"prompt_tokens": 10, "completion_tokens": 4, "prompt_cache_hit_tokens": 8},
            Usage(input_tokens=2, cache_read_tokens=8, output_tokens=4),
        ),
        ({"prompt_tokens": 8, "total_tokens": 8}, Usage(input_tokens=8)),
        ({"prompt_tokens": "many"}, None),
        (None, None),
    ],
)
def test_openai(stated: Any, expected: Usage | None) -> None:
    """
    No token is counted twice, and a detail never exceeds its total.
    """
    assert expected == read_chat_usage(stated)


def test_responses() -> None:
    """
    The Responses API says the same in other words.
    """
    stated = {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10},
        "output_tokens": 40,
        "output_tokens_details": {"reasoning_tokens": 12},
    }

    usage = read_responses_usage(stated)

    expected = Usage(
        input_tokens=30, cache_read_tokens=60, cache_write_tokens=10, output_tokens=28, reasoning_tokens=12
    )
    assert expected == usage


def test_anthropic() -> None:
    """
    Anthropic's input excludes both caches; what was written for an hour is apart; thinking is part of its output.
    """
    stated = {
        "input_tokens": 46,
        "cache_creation_input_tokens": 10,
        "cache_read_input_tokens": 64,
        "cache_creation": {"ephemeral_5m_input_tokens": 6, "ephemeral_1h_input_tokens": 4},
        "output_tokens": 40,
        "output_tokens_details": {"thinking_tokens": 12},
    }

    usage = read_messages_usage(stated)

    assert usage is not None
    assert (46, 64, 6, 4) == (
        usage.input_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.cache_write_1h_tokens,
    )
    assert (28, 12, 120, 40) == (
        usage.output_tokens,
        usage.reasoning_tokens,
        input_total(usage),
        output_total(usage),
    )


def test_a_stream_of_anthropic_states_its_usage_twice() -> None:
    """
    The second statement adds the output and repeats the caches without their lifetimes; nothing is counted twice.
    """
    start = read_messages_usage(
        {
            "input_tokens": 46,
            "cache_creation_input_tokens": 10,
            "cache_creation": {"ephemeral_5m_input_tokens": 6, "ephemeral_1h_input_tokens": 4},
            "output_tokens": 1,
        }
    )
    end = read_messages_usage({"cache_creation_input_tokens": 10, "output_tokens": 40})
    assert end is not None

    usage = merged(start, end)

    assert Usage(input_tokens=46, cache_write_tokens=6, cache_write_1h_tokens=4, output_tokens=40) == usage


@settings(deadline=None)
@given(
    st.builds(
        Usage,
        input_tokens=COUNT,
        cache_read_tokens=COUNT,
        cache_write_tokens=COUNT,
        cache_write_1h_tokens=COUNT,
        input_audio_tokens=COUNT,
        input_image_tokens=COUNT,
        output_tokens=COUNT,
        reasoning_tokens=COUNT,
        output_audio_tokens=COUNT,
    )
)
def test_written_and_read_again(usage: Usage) -> None:
    """
    Chat states every bucket; the others at least keep what was read, cached and written.
    """
    anthropic = read_messages_usage(write_messages_usage(usage))
    responses = read_responses_usage(write_responses_usage(usage))

    assert usage == read_chat_usage(write_chat_usage(usage))
    for other in (anthropic, responses):
        assert other is not None
        assert (input_total(usage), output_total(usage)) == (input_total(other), output_total(other))
        assert usage.cache_read_tokens == other.cache_read_tokens
