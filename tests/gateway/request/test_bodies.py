"""Bodies pass as they came; what is no JSON request is refused in words a client can read."""

import json
from collections.abc import AsyncIterator

import pytest
from gatewaylab.model_server import Call, ModelServer
from gatewaylab.running import Running

CHAT = "/v1/chat/completions"
JSON = {"content-type": "application/json"}

ODD_BUT_GOOD = (
    b'{ "model":"tiny", "b":1, "a":2,\n "chat_template_kwargs":{"enable_thinking":false},'
    b' "seed":123456789012345678901234567890, "temperature":0.10000000000000000555,'
    b' "top_p":1E-2, "dup":1, "dup":2, "text":"\\u00e9 \xc3\xa9 \\ud83d\\ude00", "n":1.0 }\r\n'
)

MALFORMED = {
    "nothing": b"",
    "a brace": b"{",
    "no object": b"[]",
    "a list": b'[{"model":"tiny"}]',
    "null": b"null",
    "a string": b'"{}"',
    "NaN": b'{"temperature":NaN}',
    "Infinity": b'{"temperature":-Infinity}',
    "two objects": b"{}{}",
    "a trailing comma": b'{"model":"tiny",}',
    "single quotes": b"{'model':'tiny'}",
    "a leading zero": b'{"n":01}',
    "a comment": b'{"n":1/**/}',
    "UTF-16": '{"model":"tiny"}'.encode("utf-16"),
    "bad UTF-8 in a known field": b'{"model":"\xff"}',
    "bad UTF-8 in an unknown field": b'{"x":"\xff\xfe"}',
    "bad UTF-8 in a name": b'{"\xff":1}',
    "a lone surrogate": b'{"x":"\\ud800"}',
    "a control character": b'{"x":"a\nb"}',
    "a NUL": b'{"x":"\x00"}',
    "100k lists deep": b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "100k objects deep": b'{"x":' + b'{"a":' * 100_000,
    "too many choices": b'{"n":17}',
    "nested too deeply": b'{"x":' + b"[" * 200 + b"]" * 200 + b"}",
    "nested too deeply between strings": b'{"x":["]"' + b',["\\"]' * 200 + b"]" * 201 + b"}",
    "max_tokens as a fraction": b'{"max_tokens":1.5}',
    "model as a number": b'{"model":5}',
    "binary": bytes(range(256)),
}


async def echo(call: Call) -> None:
    call.reply(call.body)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings", "/tokenize"])
async def test_the_model_server_gets_the_bytes_that_the_client_sent(
    gateway: Running, model_server: ModelServer, path: str
) -> None:
    model_server.on[path] = echo

    answer = await gateway.client.post(path, content=ODD_BUT_GOOD, headers=JSON)

    call = await model_server.called()
    assert (call.method, call.path, call.body) == ("POST", path, ODD_BUT_GOOD)
    assert answer.content == ODD_BUT_GOOD


async def test_a_large_body_passes_whole_in_both_directions(
    gateway: Running, model_server: ModelServer
) -> None:
    model_server.on["/v1/embeddings"] = echo
    large = json.dumps({"input": ["text " * 100] * 6000}).encode()

    answer = await gateway.client.post("/v1/embeddings", content=large, headers=JSON)

    assert len(large) > 2_000_000
    assert answer.content == large


async def test_an_upload_of_unknown_length_passes(
    gateway: Running, model_server: ModelServer
) -> None:
    model_server.on["/tokenize"] = echo

    async def parts() -> AsyncIterator[bytes]:
        for part in (b'{"prompt":', b'"text"', b"}"):
            yield part

    answer = await gateway.client.post("/tokenize", content=parts(), headers=JSON)

    assert answer.content == b'{"prompt":"text"}'


async def test_no_malformed_body_is_a_server_error_or_reaches_the_model_server(
    gateway: Running, model_server: ModelServer
) -> None:
    found = {}
    for name, malformed in MALFORMED.items():
        answer = await gateway.client.post(CHAT, content=malformed, headers=JSON)
        error = answer.json()["error"]
        found[name] = (answer.status_code, error["code"], set(error))

    shape = {"message", "type", "param", "code"}
    assert found == dict.fromkeys(MALFORMED, (400, "invalid_request", shape))
    assert model_server.inference() == []


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        (CHAT, b'\xef\xbb\xbf{"model":"tiny"}'),
        (CHAT, b'{"max_tokens":10.0}'),
        (CHAT, b'{"max_tokens":"10"}'),
        (CHAT, b'{"max_completion_tokens":" 10 "}'),
        (CHAT, b'{"max_tokens":true}'),
        (CHAT, b'{"n":"2"}'),
        (CHAT, b'{"stream":0}'),
        (CHAT, b'{"stream":"Off"}'),
        (CHAT, b'{"best_of":1000}'),
        (CHAT, b'{"max_output_tokens":{}}'),
        (CHAT, b'{"model":""}'),
        ("/v1/embeddings", b'{"input":"x","max_tokens":"many","n":1000,"stream":[]}'),
        ("/tokenize", b'{"prompt":"x","best_of":[]}'),
    ],
)
@pytest.mark.parametrize("size", [0, 40_000])  # a large one is read in pieces
async def test_what_the_engine_takes_passes(
    gateway: Running, model_server: ModelServer, path: str, taken: bytes, size: int
) -> None:
    async def answer(call: Call) -> None:
        call.reply(b"{}")

    model_server.on[path] = answer
    body = taken[:-1] + b',"x":"' + b"x" * size + b'"}'

    got = await gateway.client.post(path, content=body, headers=JSON)

    assert got.status_code == 200, got.text
    assert model_server.calls[-1].body == body.removeprefix(b"\xef\xbb\xbf")


async def test_what_asks_for_a_stream_in_other_words_gets_one(
    gateway: Running, model_server: ModelServer
) -> None:
    body = b'{"stream":"yes","stream_options":{"include_usage":"false"}}'

    got = await gateway.client.post(CHAT, content=body, headers=JSON)

    assert got.status_code == 200
    assert b'"include_usage":true' in model_server.calls[-1].body


async def test_any_truncation_of_a_good_body_is_a_bad_request(
    gateway: Running, model_server: ModelServer
) -> None:
    good = b'{"model":"tiny","max_tokens":5,"messages":[{"role":"user","content":"\xc3\xa9"}]}'

    statuses = set()
    for end in range(len(good)):
        answer = await gateway.client.post(CHAT, content=good[:end], headers=JSON)
        statuses.add(answer.status_code)

    assert statuses == {400}
    assert model_server.inference() == []


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/json; charset=utf-16"},
        {"content-type": "nonsense"},
        {"content-type": ""},
        JSON | {"content-encoding": "br"},
    ],
)
async def test_a_body_that_is_not_plain_json_is_an_unsupported_media_type(
    gateway: Running, headers: dict[str, str]
) -> None:
    answer = await gateway.client.post(CHAT, content=b"{}", headers=headers)

    assert answer.status_code == 415
    assert answer.json()["error"]["code"] == "unsupported_media_type"


async def test_json_with_its_charset_named_is_taken(gateway: Running) -> None:
    headers = {"content-type": "Application/JSON; charset=UTF-8"}

    answer = await gateway.client.post(CHAT, content=b"{}", headers=headers)

    assert answer.status_code == 200
