"""An alias is replaced by the model's own name, and not a byte beside it."""

import json
from pathlib import Path

import pytest
from gatewaylab.model_server import Call, ModelServer
from gatewaylab.running import Running, Start
from gatewaylab.speeches import CHAT, FORM, GENERATING, JSON, Speech, form
from gatewaylab.visiting import written_keys

ALIASES = {"gpt-4o": "org/large", "caf\u00e9 \u2603": "tiny"}
HEADERS = {"content-type": JSON}


@pytest.fixture
async def gateway(start: Start) -> Running:
    return await start(aliases=ALIASES)


async def sent(gateway: Running, model_server: ModelServer, body: bytes) -> bytes:
    """Return what reaches the model server."""
    answer = await gateway.client.post(CHAT.path, content=body, headers=HEADERS)
    assert answer.status_code == 200, answer.text
    return (await model_server.called()).body


@pytest.mark.parametrize(
    "template",
    [
        b'{"model":%b}',
        b'{ "model" :\t%b , "seed":1E400, "a":1,"a":2,\n"z":0.10000000000000000555 }\r\n ',
        b'{"messages":[{"model":"gpt-4o"}],"model":%b}',
        b'{"model":%b,"messages":[{"model":"gpt-4o"}],"x":{"model":"y"}}',
        b'{"x":{"model":"gpt-4o"},"model":%b,"y":[[{"model":"gpt-4o"}]]}',
        b'{"model":"tiny","model":%b}',
        b'{"x":"\\"model\\":\\"gpt-4o\\"","model":%b}',
        b'{"say \\"model":"gpt-4o","model":%b}',
        b'{"a\\\\":"\\\\","model":%b}',
        b'{"text":"}{][","model":%b,"brackets":"{{[["}',
        b'{"x":[' + b'{"model":"gpt-4o"},' * 500 + b'0],"model":%b}',
        b'{"model":%b,"x":[' + b'{"model":"gpt-4o"},' * 500 + b"0]}",
        b'{"unicode":"\xc3\xa9\\u00e9\\ud83d\\ude00","model":%b}',
    ],
)
async def test_only_the_top_level_model_is_replaced(
    gateway: Running, model_server: ModelServer, template: bytes
) -> None:
    assert await sent(gateway, model_server, template % b'"gpt-4o"') == template % b'"org/large"'


@pytest.mark.parametrize(
    "spelling", ['"caf\u00e9 \u2603"', '"caf\\u00e9 \\u2603"', '"\\u0063af\u00e9\\u0020\\u2603"']
)
async def test_an_alias_is_known_in_every_spelling_of_its_name(
    gateway: Running, model_server: ModelServer, spelling: str
) -> None:
    body = b'{"model":%b,"stream":false}'

    assert await sent(gateway, model_server, body % spelling.encode()) == body % b'"tiny"'


async def test_a_model_that_is_no_alias_keeps_its_spelling(
    gateway: Running, model_server: ModelServer
) -> None:
    body = b'{"model":"org\\/l\\u0061rge"}'

    assert await sent(gateway, model_server, body) == body


async def test_an_alias_under_an_escaped_key_is_refused_and_not_passed_on(
    gateway: Running, model_server: ModelServer
) -> None:
    body = b'{"mod\\u0065l":"gpt-4o"}'

    answer = await gateway.client.post(CHAT.path, content=body, headers=HEADERS)

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "model")
    assert model_server.inference() == []
    await gateway.at_rest()


async def test_an_alias_and_injected_usage_are_both_written(
    gateway: Running, model_server: ModelServer
) -> None:
    body = b'{"model":"gpt-4o","stream":true}'

    assert await sent(gateway, model_server, body) == (
        b'{"model":"org/large","stream":true,"stream_options":{"include_usage":true}}'
    )


@pytest.mark.parametrize("speech", GENERATING, ids=lambda speech: speech.path)
async def test_every_endpoint_takes_an_alias(
    gateway: Running, model_server: ModelServer, speech: Speech
) -> None:
    async def good(call: Call) -> None:
        call.reply(b"{}")

    model_server.on[speech.path] = good
    given, wanted = (speech.body(stream=False, model=name) for name in ("caf\u00e9 \u2603", "tiny"))

    answer = await gateway.client.post(
        speech.path, content=given, headers={"content-type": speech.kind}
    )

    call = await model_server.called()
    assert answer.status_code == 200
    assert call.body == wanted
    assert int(call.headers["content-length"]) == len(wanted)


@pytest.mark.parametrize("allowed", ["gpt-4o", "org/large"])
async def test_a_key_may_be_allowed_an_alias_or_what_it_stands_for(
    start: Start, tmp_path: Path, allowed: str
) -> None:
    gateway = await start(aliases=ALIASES, keys_file=written_keys(tmp_path, models=[allowed]))

    answers = [
        await gateway.client.post(CHAT.path, json={"model": name}) for name in ("gpt-4o", "tiny")
    ]

    assert [answer.status_code for answer in answers] == [200, 403]
    assert answers[1].json()["error"]["code"] == "model_not_allowed"


async def test_the_models_list_shows_aliases_beside_the_models(gateway: Running) -> None:
    listed = (await gateway.client.get("/v1/models")).json()
    one = (await gateway.client.get("/v1/models/gpt-4o")).json()

    assert {entry["id"] for entry in listed["data"]} == {"tiny", "org/large", *ALIASES}
    assert one["id"] == "gpt-4o"


BINARY = bytes(range(256)) * 50 + b"\r\n--gatewayla\r\n--\r\n\r\ngpt-4o\r\n"
FILE = (
    b'--gatewaylab\r\nContent-Disposition: form-data; name="file"; filename="gpt-4o.wav"\r\n'
    b"Content-Type: audio/wav\r\nX-Odd:   kept  \r\n\r\n" + BINARY + b"\r\n"
)
MODEL = b"--gatewaylab\r\ncontent-disposition:form-data;name=model\r\n\r\n%b\r\n"
PROMPT = b'--gatewaylab\r\nContent-Disposition: form-data; name="prompt"\r\n\r\ngpt-4o\r\n'
END = b"--gatewaylab--\r\n"


@pytest.mark.parametrize(
    "parts", [(FILE, MODEL, PROMPT), (MODEL, FILE, PROMPT), (PROMPT, FILE, MODEL), (MODEL,)]
)
async def test_in_a_form_only_the_models_bytes_are_replaced(
    gateway: Running, model_server: ModelServer, parts: tuple[bytes, ...]
) -> None:
    async def good(call: Call) -> None:
        call.reply(b"{}")

    path = "/v1/audio/transcriptions"
    model_server.on[path] = good
    given = b"".join(parts) + END

    await gateway.client.post(
        path, content=given.replace(MODEL, MODEL % b"gpt-4o"), headers={"content-type": FORM}
    )

    assert (await model_server.called()).body == given.replace(MODEL, MODEL % b"org/large")


async def test_a_form_that_names_no_alias_passes_as_it_came(
    gateway: Running, model_server: ModelServer
) -> None:
    body = form(model="tiny", language="de", file=BINARY)
    headers = {"content-type": f"{FORM}; charset=utf-8".replace("=gatewaylab", '="gatewaylab"')}

    await gateway.client.post("/v1/audio/translations", content=body, headers=headers)

    call = await model_server.called()
    assert call.body == body
    assert call.headers["content-type"] == headers["content-type"]


async def test_an_answer_names_the_model_as_the_model_server_does(
    gateway: Running, model_server: ModelServer
) -> None:
    answer = await gateway.client.post(CHAT.path, json={"model": "gpt-4o"})

    assert json.loads(answer.content)["model"] == "tiny"


async def test_a_key_hears_nothing_of_a_model_that_it_may_not_use(
    start: Start, tmp_path: Path
) -> None:
    gateway = await start(keys_file=written_keys(tmp_path, models=["tiny"]))

    listed = await gateway.client.get("/v1/models")
    mine = await gateway.client.get("/v1/models/tiny")
    other = await gateway.client.get("/v1/models/org/large")

    assert [model["id"] for model in listed.json()["data"]] == ["tiny"]
    assert mine.status_code == 200
    assert (other.status_code, other.json()["error"]["code"]) == (403, "model_not_allowed")
