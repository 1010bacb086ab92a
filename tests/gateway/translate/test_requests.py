"""What becomes of single fields of a request, and which ones are refused by name."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.gateway.translate.exchanges import translation
from treadle.gateway.refusals import Refusal
from treadle.gateway.types import Dialect, ProtocolName

USER: Any = [{"role": "user", "content": "hi"}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLED = [
    *USER,
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c", "content": "x"},
]
BACKS: tuple[Dialect, ...] = ("messages", "gemini", "converse")
WEB_IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.PNG?size=1"}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}


def sent(caller: ProtocolName, dialect: Dialect, **body: Any) -> dict[str, Any]:
    """Return the upstream's request."""
    if caller == "chat":
        body.setdefault("messages", USER)
    if caller == "messages":
        body = {"max_tokens": 9, "messages": USER, **body}
    if caller == "responses":
        body.setdefault("input", "hi")
    data = json.dumps({"model": "up-1", **body}).encode()
    found: dict[str, Any] = json.loads(translation(caller, dialect).request(data))
    return found


@pytest.mark.parametrize(
    ("caller", "dialect", "body", "param"),
    [
        *(("chat", back, {"logit_bias": {"1": 5}}, "logit_bias") for back in BACKS),
        *(("chat", back, {"modalities": ["audio"]}, "modalities") for back in BACKS),
        *(("chat", back, {"functions": [{"name": "f"}]}, "functions") for back in BACKS),
        *(("chat", back, {"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools[0].type") for back in BACKS),
        *(("chat", back, {"tools": "f"}, "tools") for back in BACKS),
        *(("chat", back, {"response_format": {"type": "xml"}}, "response_format.type") for back in BACKS),
        *(("chat", back, {"reasoning_effort": "huge"}, "reasoning_effort") for back in BACKS),
        *(("chat", back, {"messages": [{"role": "function", "content": "x"}]}, "messages[0].role") for back in BACKS),
        *(("chat", back, {"messages": [{"role": "user", "content": ""}]}, "messages") for back in BACKS),
        ("chat", "messages", {"n": 2}, "n"),
        ("chat", "messages", {"frequency_penalty": 0.5}, "frequency_penalty"),
        ("chat", "messages", {"logprobs": True}, "logprobs"),
        ("chat", "messages", {"stop": ["\n"]}, "stop"),
        ("chat", "converse", {"n": 2}, "n"),
        ("chat", "converse", {"tools": [TOOL], "parallel_tool_calls": False}, "parallel_tool_calls"),
        ("chat", "gemini", {"tools": [TOOL], "parallel_tool_calls": False}, "parallel_tool_calls"),
        ("chat", "converse", {"tools": [TOOL], "tool_choice": "none", "messages": CALLED}, "tool_choice"),
        (
            "chat",
            "converse",
            {"messages": [{"role": "user", "content": [WEB_IMAGE]}]},
            "messages[0].content[0].image_url",
        ),
        (
            "chat",
            "messages",
            {
                "messages": [
                    {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]}
                ]
            },
            "messages[0].content[0].input_audio",
        ),
        (
            "chat",
            "messages",
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}]},
            "messages[0].content[0].file.file_id",
        ),
        (
            "chat",
            "messages",
            {
                "messages": [
                    *USER,
                    {
                        "role": "assistant",
                        "tool_calls": [
                            {"id": "c", "type": "function", "function": {"name": "f", "arguments": "not json"}}
                        ],
                    },
                ]
            },
            "messages[1].tool_calls[0].function.arguments",
        ),
        ("chat", "gemini", {"messages": [*USER, {"role": "tool", "tool_call_id": "c", "content": "x"}]}, "messages"),
        ("responses", "chat", {"previous_response_id": "resp_1"}, "previous_response_id"),
        ("responses", "chat", {"conversation": "conv_1"}, "conversation"),
        ("responses", "chat", {"background": True}, "background"),
        ("responses", "chat", {"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ("responses", "chat", {"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type"),
        (
            "responses",
            "chat",
            {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "file-1"}]}]},
            "input[0].content[0]",
        ),
        ("messages", "chat", {"tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools[0].type"),
        ("messages", "chat", {"mcp_servers": [{"name": "x"}]}, "mcp_servers"),
        (
            "messages",
            "chat",
            {"messages": [{"role": "assistant", "content": [{"type": "server_tool_use"}]}]},
            "messages[0].content[0].type",
        ),
        (
            "messages",
            "chat",
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}]}
                ]
            },
            "messages[0].content[0].source",
        ),
        ("completions", "chat", {"prompt": "a", "suffix": "b"}, "suffix"),
        ("completions", "chat", {"prompt": "a", "echo": True}, "echo"),
        ("completions", "chat", {"prompt": ["a", "b"]}, "prompt"),
        ("completions", "chat", {"prompt": [1, 2]}, "prompt"),
        ("completions", "messages", {"prompt": "a", "n": 2}, "n"),
        ("embeddings", "gemini", {"input": [[1, 2]]}, "input"),
    ],
)
def test_what_cannot_be_said_there(caller: ProtocolName, dialect: Dialect, body: dict[str, Any], param: str) -> None:
    """
    A field that the other side has no words for is refused with 400 and its path.
    """
    with pytest.raises(Refusal) as caught:
        sent(caller, dialect, **body)

    assert (400, param) == (caught.value.status, caught.value.param)
    assert f"'{param}'" in caught.value.message


@pytest.mark.parametrize("dialect", BACKS)
def test_what_says_no_more_than_the_default(dialect: Dialect) -> None:
    """
    Fields set to their defaults, and those that change no answer, are left out without a word.
    """
    harmless = {
        "n": 1,
        "logprobs": False,
        "frequency_penalty": 0,
        "logit_bias": {},
        "modalities": ["text"],
        "store": True,
        "metadata": {"a": "b"},
        "service_tier": "auto",
        "prediction": {"type": "content", "content": "x"},
        "prompt_cache_key": "k",
        "stream_options": {"include_usage": True},
    }

    assert sent("chat", dialect) == sent("chat", dialect, **harmless)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {"max_tokens": 8192}),
        ({"model": "claude-3-haiku-20240307"}, {"max_tokens": 4096}),
        ({"max_tokens": 5, "max_completion_tokens": 9}, {"max_tokens": 5}),
        ({"temperature": 1.7}, {"temperature": 1}),
        ({"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        (
            {"reasoning_effort": "minimal"},
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}, "max_tokens": 24576},
        ),
        (
            {"model": "claude-sonnet-4-5", "reasoning_effort": "medium"},
            {"thinking": {"type": "enabled", "budget_tokens": 8192}, "max_tokens": 16384},
        ),
        (
            {"model": "claude-sonnet-4-5", "reasoning_effort": "high", "max_tokens": 2000},
            {"thinking": {"type": "enabled", "budget_tokens": 1999}, "max_tokens": 2000},
        ),
        ({"model": "claude-sonnet-4-5", "reasoning_effort": "high", "max_tokens": 500}, {"max_tokens": 500}),
        ({"tools": [TOOL], "tool_choice": "required"}, {"tool_choice": {"type": "any"}}),
        ({"tools": [TOOL], "tool_choice": "none"}, {"tool_choice": {"type": "none"}}),
        (
            {"tools": [TOOL], "parallel_tool_calls": False},
            {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
        ),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "f"}}},
            {"tool_choice": {"type": "tool", "name": "f"}},
        ),
        (
            {"response_format": {"type": "json_object"}},
            {"system": "Answer with one JSON object and nothing else."},
        ),
        ({"stop": "END"}, {"stop_sequences": ["END"]}),
        ({"safety_identifier": "u"}, {"metadata": {"user_id": "u"}}),
    ],
)
def test_a_field_for_anthropic(body: dict[str, Any], expected: dict[str, Any]) -> None:
    """
    Each field becomes what Anthropic has for it.
    """
    assert expected.items() <= sent("chat", "messages", **body).items()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"reasoning_effort": "none", "model": "gemini-2.5-flash"}, {"thinkingBudget": 0, "includeThoughts": False}),
        ({"reasoning_effort": "medium", "model": "gemini-2.5-pro"}, {"thinkingBudget": 8192, "includeThoughts": True}),
        ({"reasoning_effort": "max", "model": "gemini-3-pro"}, {"thinkingLevel": "HIGH", "includeThoughts": True}),
    ],
)
def test_how_hard_gemini_thinks(body: dict[str, Any], expected: dict[str, Any]) -> None:
    """
    Models before Gemini 3 think by a budget of tokens, later ones by a level.
    """
    assert expected == sent("chat", "gemini", **body)["generationConfig"]["thinkingConfig"]


def test_signatures_of_googles_calls() -> None:
    """
    A call goes back with its own signature; without one Gemini 3 gets Google's stand-in, and older models none.
    """
    signed = {**CALL, "extra_content": {"google": {"thought_signature": "c2ln"}}}
    own = [*USER, {"role": "assistant", "tool_calls": [signed]}, CALLED[2]]

    parts = [
        sent("chat", "gemini", model=model, messages=messages)["contents"][1]["parts"][0].get("thoughtSignature")
        for model, messages in (("gemini-3-pro", own), ("gemini-3-pro", CALLED), ("gemini-2.5-pro", CALLED))
    ]

    assert ["c2ln", base64.b64encode(b"skip_thought_signature_validator").decode(), None] == parts


def test_allowed_tools() -> None:
    """
    Tools that the choice does not allow are not offered.
    """
    other = {"type": "function", "function": {"name": "g"}}
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [TOOL]}}

    request = sent("chat", "messages", tools=[TOOL, other], tool_choice=choice)

    assert ["f"] == [tool["name"] for tool in request["tools"]]
    assert {"type": "any"} == request["tool_choice"]


def test_an_image_on_the_web() -> None:
    """
    An image's URL stays a URL where the provider fetches it; its type is told by its ending.
    """
    messages = [{"role": "user", "content": [WEB_IMAGE]}]
    url = WEB_IMAGE["image_url"]["url"]  # type: ignore[index]

    anthropic = sent("chat", "messages", messages=messages)["messages"][0]["content"][0]
    gemini = sent("chat", "gemini", messages=messages)["contents"][0]["parts"][0]

    assert {"type": "image", "source": {"type": "url", "url": url}} == anthropic
    assert {"fileData": {"mimeType": "image/png", "fileUri": url}} == gemini


def test_a_document() -> None:
    """
    A PDF is a document everywhere; plain text is text where a document may be.
    """
    pdf = {"type": "file", "file": {"filename": "a b_c.pdf", "file_data": "data:application/pdf;base64,QUJD"}}
    note = {"type": "file", "file": {"file_data": "data:text/plain;base64,aGk="}}
    messages = [{"role": "user", "content": [pdf, note]}]

    anthropic = sent("chat", "messages", messages=messages)["messages"][0]["content"]
    converse = sent("chat", "converse", messages=messages)["messages"][0]["content"]
    gemini = sent("chat", "gemini", messages=messages)["contents"][0]["parts"]

    assert {"type": "base64", "media_type": "application/pdf", "data": "QUJD"} == anthropic[0]["source"]
    assert {"type": "text", "media_type": "text/plain", "data": "hi"} == anthropic[1]["source"]
    assert ["a b c 0", "document 1"] == [block["document"]["name"] for block in converse]
    assert {"mimeType": "application/pdf", "data": "QUJD"} == gemini[0]["inlineData"]


@pytest.mark.parametrize("dialect", BACKS)
def test_sound(dialect: Dialect) -> None:
    """
    Sound goes to those who listen.
    """
    audio = {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}}
    messages = [{"role": "user", "content": [audio]}]

    if dialect == "messages":
        with pytest.raises(Refusal):
            sent("chat", dialect, messages=messages)
    else:
        assert "QUJD" in json.dumps(sent("chat", dialect, messages=messages))


def test_ids_that_others_do_not_take() -> None:
    """
    Ids of calls keep only characters that the provider takes, the same in call and result.
    """
    call = {**CALL, "id": "functions.f:0"}
    messages = [
        *USER,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "functions.f:0", "content": "x"},
    ]

    turns = sent("chat", "messages", messages=messages)["messages"]

    assert ("functions_f_0", "functions_f_0") == (turns[1]["content"][0]["id"], turns[2]["content"][0]["tool_use_id"])


def test_thinking_comes_back_signed() -> None:
    """
    Thinking that Anthropic signed goes back to it through either of OpenAI's protocols.
    """
    made = translation("responses", "messages")
    block = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
    use = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    message = {"type": "message", "id": "msg_1", "content": [block, use], "stop_reason": "tool_use"}
    data = json.dumps(message).encode()

    response = json.loads(made.answer(data))
    again = [*response["output"], {"type": "function_call_output", "call_id": "t", "output": "x"}]
    by_responses = sent("responses", "messages", input=[{"role": "user", "content": "hi"}, *again])
    chat = json.loads(translation("chat", "messages").answer(data))["choices"][0]["message"]
    by_chat = sent("chat", "messages", messages=[*USER, chat, {"role": "tool", "tool_call_id": "t", "content": "x"}])

    assert [block, use] == by_responses["messages"][1]["content"]
    assert [block, use] == by_chat["messages"][1]["content"]


def test_signed_thinking_is_not_shown_to_others() -> None:
    """
    What only carries another provider's thinking does not reach a server that speaks chat.
    """
    thinking = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
    text = {"type": "text", "text": "a"}

    request = sent("messages", "chat", messages=[*USER, {"role": "assistant", "content": [thinking, text]}, *USER])

    assert {"role": "assistant", "content": "a"} == request["messages"][1]


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([{"role": "system", "content": "s"}], [("user", ["s"])]),
        (
            [{"role": "assistant", "content": "hello"}, *USER],
            [("user", ["."]), ("assistant", ["hello"]), ("user", ["hi"])],
        ),
        ([*USER, *USER], [("user", ["hi", "hi"])]),
        ([*USER, {"role": "assistant", "content": ""}, *USER], [("user", ["hi", "hi"])]),
        ([*USER, {"role": "assistant", "content": "go on \n"}], [("user", ["hi"]), ("assistant", ["go on"])]),
        (
            [*USER, {"role": "assistant", "content": None, "refusal": "no"}, *USER],
            [("user", ["hi"]), ("assistant", ["no"]), ("user", ["hi"])],
        ),
    ],
)
def test_turns_of_two_parties(messages: list[dict[str, Any]], expected: list[tuple[str, list[str]]]) -> None:
    """
    Turns alternate, the user's comes first, and none is empty.
    """
    turns = sent("chat", "messages", messages=messages)["messages"]

    assert expected == [(turn["role"], [block["text"] for block in turn["content"]]) for turn in turns]


def test_results_come_before_what_the_user_adds() -> None:
    """
    Results of tools lead their turn, also when the caller put words between them.
    """
    messages = [*CALLED[:2], {"role": "user", "content": "wait"}, CALLED[2]]

    turns = sent("chat", "messages", messages=messages)["messages"]

    assert ["tool_result", "text"] == [block["type"] for block in turns[2]["content"]]


@pytest.mark.parametrize(("required", "strict"), [(["a"], True), ([], False)])
def test_a_schema_of_anthropics_for_openai(required: list[str], strict: bool) -> None:
    """
    OpenAI's strict mode is asked for only where the schema fits it.
    """
    schema = {**SCHEMA, "required": required}
    config = {"format": {"type": "json_schema", "schema": schema}}

    holder = sent("messages", "chat", output_config=config)["response_format"]["json_schema"]

    assert (strict, False) == (holder["strict"], holder["schema"]["additionalProperties"])


@pytest.mark.parametrize(
    ("thinking", "effort"),
    [
        ({"type": "enabled", "budget_tokens": 1024}, "low"),
        ({"type": "enabled", "budget_tokens": 8000}, "medium"),
        ({"type": "enabled", "budget_tokens": 32000}, "high"),
        ({"type": "adaptive"}, None),
        ({"type": "disabled"}, None),
    ],
)
def test_a_budget_of_thinking_for_openai(thinking: dict[str, Any], effort: str | None) -> None:
    """
    A budget becomes an effort; who left it to the model asks for none.
    """
    assert effort == sent("messages", "chat", thinking=thinking).get("reasoning_effort")


def test_embeddings_for_gemini() -> None:
    """
    Each text is a request of its own, with its dimensions.
    """
    request = sent("embeddings", "gemini", input=["a", "b"], dimensions=2)

    first = {"model": "models/up-1", "content": {"parts": [{"text": "a"}]}, "outputDimensionality": 2}
    assert first == request["requests"][0]
    assert 2 == len(request["requests"])


FAILED = [
    {"role": "user", "content": "hi"},
    {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "no", "is_error": True}]},
]


def test_a_tool_that_failed() -> None:
    """
    That a tool failed is told in the words of whoever answers; OpenAI has none, there its text says so.
    """
    converse = sent("messages", "converse", messages=FAILED)["messages"][-1]["content"][0]["toolResult"]
    gemini = sent("messages", "gemini", messages=FAILED)["contents"][-1]["parts"][0]["functionResponse"]
    chat = sent("messages", "chat", messages=FAILED)["messages"][-1]

    assert ("error", [{"text": "no"}]) == (converse["status"], converse["content"])
    assert {"error": "no"} == gemini["response"]
    assert {"role": "tool", "tool_call_id": "c", "content": "no"} == chat


def test_properties_that_are_called_like_keywords() -> None:
    """
    A property may be called 'default', 'enum' or 'properties': its schema is one like any other, and values are none.
    """
    inner = {"type": "object", "properties": {"a": {"type": "integer"}}}
    names = ("default", "enum", "const", "properties", "type")
    value = {"type": "object", "properties": {}}
    schema = {"type": "object", "properties": dict.fromkeys(names, inner), "default": value}

    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    got = sent("chat", "messages", response_format=form)["output_config"]["format"]["schema"]

    assert [False] * 5 == [got["properties"][name]["additionalProperties"] for name in names]
    assert value == got["default"]


MARK = {"type": "ephemeral", "ttl": "1h"}
MARKED: dict[str, Any] = {
    "system": [{"type": "text", "text": "Be kind."}, {"type": "text", "text": "Long rules.", "cache_control": MARK}],
    "tools": [{"name": "f", "input_schema": {"type": "object"}, "cache_control": MARK}],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": MARK}]},
        *FAILED[1:2],
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "c", "content": "x", "cache_control": MARK}],
        },
    ],
}
POINT = {"cachePoint": {"type": "default", "ttl": "1h"}}


def test_marks_of_caches_for_bedrock() -> None:
    """
    What may be kept and read again at less cost is marked there too: behind the part, in a block of its own.
    """
    got = sent("messages", "converse", model="eu.anthropic.claude-1", **MARKED)
    other = sent("messages", "converse", **MARKED)

    assert "cachePoint" not in json.dumps(other)  # models of others refuse them
    assert [{"text": "Be kind."}, {"text": "Long rules."}, POINT] == got["system"]
    assert [{"text": "hi"}, POINT] == got["messages"][0]["content"]
    assert POINT == got["messages"][2]["content"][1]
    assert POINT == got["toolConfig"]["tools"][1]


def test_marks_of_caches_from_chat() -> None:
    """
    Callers that speak chat mark parts in the same words, and Anthropic gets them.
    """
    part = {"type": "text", "text": "Long rules.", "cache_control": MARK}
    image = {"type": "image_url", "image_url": {"url": "https://a.test/a.png"}, "cache_control": MARK}
    said = [{"role": "system", "content": [part]}, {"role": "user", "content": [part, image]}]

    got = sent("chat", "messages", messages=said, tools=[{**TOOL, "cache_control": MARK}])

    assert [part] == got["system"]
    assert [MARK, MARK] == [block["cache_control"] for block in got["messages"][0]["content"]]
    assert MARK == got["tools"][0]["cache_control"]


def test_marks_of_caches_elsewhere() -> None:
    """
    Who keeps by itself what may be read again gets no marks, and otherwise what it gets without them.
    """
    plain = json.loads(
        json.dumps(MARKED), object_hook=lambda each: {k: v for k, v in each.items() if k != "cache_control"}
    )

    assert sent("messages", "chat", **plain) == sent("messages", "chat", **MARKED)
    assert "cache" not in json.dumps(sent("messages", "gemini", **MARKED))
