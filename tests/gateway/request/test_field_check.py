"""Fields that make the engine run or load what a caller sent never reach it, unless allowed."""

import json
from typing import Any

import msgspec
import pytest
from gateway.core import endpoints, restricted_fields
from gateway.core.endpoints import Body
from gateway.core.errors import InvalidRequest
from gateway.core.segmented_body import SegmentedBody
from gateway.request import field_check
from gateway.request.incremental_json import JsonReader
from gateway.request.parameters import fields_of
from gateway.settings.document import InvalidSetting
from gateway.settings.gateway_settings import Settings
from gatewaylab.model_server import Call, ModelServer
from gatewaylab.running import Running, Start

CHAT = "/v1/chat/completions"
JSON = {"content-type": "application/json"}
JSON_PATHS = [path for path, one in endpoints.ENDPOINTS.items() if one.body is Body.JSON]
LOOP = "{% for a in range(10**9) %}{% for b in range(10**9) %}{% endfor %}{% endfor %}"

TOP: dict[str, Any] = {
    "chat_template": LOOP,
    "prompt_embeds": "gAJdcQAu",
    "mm_processor_kwargs": {"num_crops": 10**9},
    "media_io_kwargs": {"video": {"num_frames": -1}},
    "logits_processors": ["os.system"],
    "kv_transfer_params": {"remote_host": "192.0.2.1", "remote_port": 1},
    "ec_transfer_params": {"remote_host": "192.0.2.1"},
}
PARTS: dict[str, dict[str, Any]] = {
    "image_embeds": {"type": "image_embeds", "image_embeds": "gAJdcQAu"},
    "audio_embeds": {"type": "audio_embeds", "audio_embeds": "gAJdcQAu"},
    "video_embeds": {"type": "video_embeds", "video_embeds": "gAJdcQAu"},
    "prompt_embeds": {"type": "prompt_embeds", "data": "gAJdcQAu"},
}

FIELDS = fields_of("chat")


def judge(body: bytes | dict[str, Any], *allowed: str) -> str | None:
    """Return what is said to be wrong with a body: the error's `param`."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        field_check.check(fields_of("chat").whole(text), text, allowed)
    except InvalidRequest as error:
        return error.param
    return None


def read(reader: JsonReader) -> None:
    while reader.read():
        pass


def said(part: dict[str, Any], place: str = "messages") -> dict[str, Any]:
    return {"model": "tiny", place: [{"role": "user", "content": [part]}]}


@pytest.mark.parametrize("path", JSON_PATHS)
async def test_a_callers_template_reaches_no_endpoint(
    gateway: Running, model_server: ModelServer, path: str
) -> None:
    body = {"model": "tiny", "messages": [], "chat_template": LOOP}

    answer = await gateway.client.post(path, json=body)

    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert "'chat_template' is refused here: it is a program" in error["message"]
    assert "INFERENCE_ALLOW_FIELDS=chat_template" in error["message"]
    assert model_server.inference() == []


async def test_what_the_operator_allows_passes_as_it_came(
    start: Start, model_server: ModelServer
) -> None:
    async def echo(call: Call) -> None:
        call.reply(call.body)

    model_server.on[CHAT] = echo
    gateway = await start(allow_fields=("chat_template", "image_embeds"))
    body = json.dumps(said(PARTS["image_embeds"]) | {"chat_template": "x"}).encode()

    allowed = await gateway.client.post(CHAT, content=body, headers=JSON)
    refused = await gateway.client.post(CHAT, json={"model": "tiny", "prompt_embeds": "AA=="})

    assert allowed.content == body
    assert refused.json()["error"]["param"] == "prompt_embeds"


@pytest.mark.parametrize("name", TOP)
def test_a_field_that_runs_or_loads_is_refused_unless_allowed(name: str) -> None:
    body = {"model": "tiny", name: TOP[name]}

    assert judge(body) == name
    assert judge(body, name) is None
    assert judge(body, *(restricted_fields.NAMES - {name})) == name


@pytest.mark.parametrize("name", restricted_fields.REPLACED)
def test_an_argument_of_the_templates_call_is_not_replaced(name: str) -> None:
    body = {"model": "tiny", "chat_template_kwargs": {"enable_thinking": True, name: LOOP}}

    assert judge(body) == "chat_template_kwargs"
    assert judge(body, f"chat_template_kwargs.{name}") is None


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("place", ["messages", "input", "data_1"])
def test_a_part_of_a_message_that_is_a_tensor_is_refused_unless_allowed(
    name: str, place: str
) -> None:
    body = said(PARTS[name], place)
    untyped = said({"uuid": "1", name: "gAJdcQAu"}, place)
    of_an_object = {"model": "tiny", "queries": {"content": [PARTS[name]]}}

    assert judge(body) == judge(untyped) == judge(of_an_object) == name
    assert judge(body, name) is None


SPELLINGS = [
    b'{"chat\\u005ftemplate":"{{x}}"}',
    b'{"\\u0063\\u0068at_template":"{{x}}"}',
    b'{"chat\\u005Ftemplate":"{{x}}"}',
    b'{ "chat_template" : "{{x}}" }',
    b'{"chat_template":null,"chat_template":"{{x}}"}',
    b'{"chat_template_kwargs":{},"chat_template_kwargs":{"chat_template":"{{x}}"}}',
    b'{"chat_template\\u005fkwargs":{"chat\\u005ftemplate":"{{x}}"}}',
    b'{"chat_template_kwargs":{"t\\u006fkenize":true}}',
    b'{"messages":[{"content":[{"type":"image\\u005fembeds"}]}]}',
    b'{"messages":[{"content":[{"\\u0074ype":"image\\u005Fembe\\u0064s"}]}]}',
    b'{"messages":[{"content":[{"prompt\\u005f\\u0065mbeds":"AA=="}]}]}',
    b'{"":[{"":0,"type":"image_embeds"},0],"model":"x"}',  # as a part of a large body looks
    b'{"messages":[{"content":[{"type":"image_embeds","":0}]}]}',
    b'{"messages":[{"content":[{"data":"gA==","type"   :"prompt_embeds"}]}]}',
    b'{"messages":[{"content":[{"data":"gA==","t\\u0079pe" : "prompt\\u005fembeds"}]}]}',
    b'{"messages":[{"content":[{"data":"gA==","type"' + b" " * 2500 + b':"prompt_embeds"}]}]}',
    b'{"messages":[{"content":[{"type":"image_embeds"}]}],"":0,"model":"x"}',
    b'{"messages":[{"content":[{"type":"image_embeds","type":"text"}]}]}',
    b'{"messages":[[[{"content":{"deeper":[{"type":"audio_embeds"}]}}]]]}',
]


@pytest.mark.parametrize("body", SPELLINGS)
def test_no_spelling_gets_through(body: bytes) -> None:
    assert judge(body) is not None


@pytest.mark.parametrize(
    "body",
    [
        {"chat_template_kwargs": {"enable_thinking": False, "reasoning_effort": "low"}},
        {"chat_template_kwargs": None, "chat_template": None, "prompt_embeds": []},
        {"mm_processor_kwargs": {}, "media_io_kwargs": None, "kv_transfer_params": None},
        {"cache_salt": "a", "documents": [{"text": "t"}], "vllm_xargs": {"a": 1}},
        {"messages": [{"role": "user", "content": "what is a chat_template or image_embeds?"}]},
        {"messages": [{"role": "user", "content": "image_embeds"}]},
        {"messages": [{"role": "user", "content": '{"type": "image_embeds"}'}]},
        {"messages": [{"content": [{"type": "text", "text": "image_embeds", "x_embeds": 1}]}]},
        {"messages": [{"content": [{"type": "image_url", "image_embeds": None}]}]},
        {"tools": [{"function": {"parameters": {"properties": {"image_embeds": {}}}}}]},
        {"response_format": {"json_schema": {"properties": {"chat_template": {}}}}},
        {"metadata": {"type": "image_embeds", "chat_template": "x"}},
        {"messages": [], "nested": {"chat_template": "x"}},
        {"messages": [{"content": "\u00e9 \u65e5\u672c \\u005f"}]},
    ],
)
def test_what_only_looks_like_it_passes(body: dict[str, Any]) -> None:
    assert judge(body) is None


@pytest.mark.parametrize(
    "body",
    [
        *SPELLINGS,
        *(json.dumps({"model": "tiny", name: TOP[name]}).encode() for name in TOP),
        *(json.dumps(said(PARTS[name])).encode() for name in PARTS),
    ],
)
def test_no_cut_of_a_large_body_hides_one(body: bytes) -> None:
    for size in range(1, len(body) + 1, 1 if len(body) < 300 else 97):
        pieces = SegmentedBody(body[at : at + size] for at in range(0, len(body), size))
        reader = JsonReader(pieces, FIELDS, 128)
        with pytest.raises(InvalidRequest, match="is refused here"):
            read(reader)


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages":[{"content":[{"type":"image_url","image_embeds":null}]}]}',
        b'{"messages":[{"content":[{"type":"text","text":"image_embeds"}]}]}',
        b'{"messages":[{"content":"image_embeds"}]}',
    ],
)
def test_no_cut_of_a_large_body_makes_one_up(body: bytes) -> None:
    for size in range(1, len(body) + 1):
        read(
            JsonReader(
                SegmentedBody(body[at : at + size] for at in range(0, len(body), size)), FIELDS, 128
            )
        )


def test_a_refused_fields_value_is_not_kept() -> None:
    body = b'{"model":"m","chat_template_kwargs":{"a":[' + b'{"":0},' * 1000 + b"0]}}"

    ask = fields_of("chat").whole(body)

    assert isinstance(ask.chat_template_kwargs, msgspec.Raw)


def test_what_the_operator_allows_may_be_large() -> None:
    body = b'{"model":"tiny","prompt_embeds":"' + b"A" * 500_000 + b'"}'
    pieces = [body[at : at + 65_536] for at in range(0, len(body), 65_536)]

    reader = JsonReader(SegmentedBody(pieces), FIELDS, 128, ["prompt_embeds"])
    read(reader)

    assert reader.parameters.model == "tiny"
    with pytest.raises(InvalidRequest):
        read(JsonReader(SegmentedBody(pieces), FIELDS, 128))


def test_of_two_fields_with_one_name_the_last_one_counts_as_for_the_engine() -> None:
    assert judge(b'{"chat_template":"{{x}}","chat_template":null}') is None


def test_numbers_of_any_size_pass() -> None:
    assert judge(b'{"model":"tiny","x_embeds":[1e999,' + b"9" * 5000 + b"]}") is None


def test_a_name_that_is_never_refused_cannot_be_allowed() -> None:
    with pytest.raises(InvalidSetting, match=r"allow_fields .* holds 'tools', it takes audio_emb"):
        Settings.load(None, {"INFERENCE_ALLOW_FIELDS": "chat_template,tools"})

    allowed = Settings.load(
        None, {"INFERENCE_ALLOW_FIELDS": "chat_template, chat_template_kwargs.tools"}
    )

    assert allowed.allow_fields == ("chat_template", "chat_template_kwargs.tools")


@pytest.mark.parametrize("shift", [0, 1])
def test_a_long_string_may_be_cut_within_a_character(shift: int) -> None:
    body = b'{"user":"\\u0065' + b"x" * shift + "\u00e9".encode() * 100_000 + b'","model":"tiny"}'
    reader = JsonReader(
        SegmentedBody(body[at : at + 4096] for at in range(0, len(body), 4096)), FIELDS, 9
    )

    read(reader)

    assert reader.parameters.model == "tiny"
