"""Each API's own way to end a stream, and to tell an error."""

import json
from typing import Any

import anthropic
import pytest
from gatewaylab.model_server import Call, ModelServer
from gatewaylab.running import KEY, Running
from gatewaylab.speeches import GENERATING, MESSAGES, RESPONSES, Speech, event

OPENAI_LIKE = [one for one in GENERATING if one not in {MESSAGES, RESPONSES}]


async def streamed(gateway: Running, speech: Speech) -> bytes:
    answer = await gateway.client.post(
        speech.path, content=speech.body(stream=True), headers={"content-type": speech.kind}
    )
    assert answer.status_code == 200
    return answer.content


def playing(model_server: ModelServer, speech: Speech, *chunks: bytes, cut: bool = False) -> None:
    async def script(call: Call) -> None:
        call.start_stream()
        for chunk in filter(None, chunks):  # an empty one would be the end
            call.chunk(chunk)
            await call.writer.drain()
        call.write(b"" if cut else b"0\r\n\r\n")
        if cut:
            call.writer.close()

    model_server.on[speech.path] = script


def told(said: bytes) -> dict[str, Any]:
    """Return the data of the last event that has some in JSON."""
    lines = [line for line in said.split(b"\n") if line.startswith(b"data: {")]
    found: dict[str, Any] = json.loads(lines[-1].removeprefix(b"data: "))
    return found


@pytest.mark.parametrize("speech", GENERATING, ids=lambda speech: speech.path)
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
async def test_a_stream_that_ends_well_passes_byte_for_byte(
    gateway: Running, model_server: ModelServer, speech: Speech, newline: bytes
) -> None:
    whole = (speech.word * 3 + speech.end).replace(b"\n", newline)
    playing(model_server, speech, *(whole[at : at + 50] for at in range(0, len(whole), 50)))

    assert await streamed(gateway, speech) == whole


@pytest.mark.parametrize("cut", [True, False])
@pytest.mark.parametrize("speech", GENERATING, ids=lambda speech: speech.path)
async def test_a_stream_without_its_last_event_ends_in_an_error_of_its_dialect(
    gateway: Running, model_server: ModelServer, speech: Speech, *, cut: bool
) -> None:
    ended = speech.end.removesuffix(speech.last) if cut else b""
    playing(model_server, speech, speech.word, ended, cut=cut)
    code = "backend_lost" if cut else "stream_incomplete"

    said = await streamed(gateway, speech)

    assert said.startswith(speech.word)
    if speech is MESSAGES:
        assert told(said)["type"] == "error"
        assert told(said)["error"]["type"] == "api_error"
        assert b"message_stop" not in said
    else:
        assert told(said)["error"]["code"] == code
    if speech is RESPONSES:
        assert said.count(b"event: response.failed\n") == 1
    if speech in OPENAI_LIKE:
        assert said.endswith(b"\n\ndata: [DONE]\n\n")
    await gateway.at_rest()


@pytest.mark.parametrize(
    ("speech", "last"),
    [
        (RESPONSES, event("response.incomplete", response={"status": "incomplete"})),
        (RESPONSES, event("response.failed", response={"status": "failed"})),
        (RESPONSES, event("error", message="engine", code="x")),
        (MESSAGES, event("error", error={"type": "overloaded_error", "message": "busy"})),
    ],
)
async def test_another_way_to_end_is_passed_on_and_nothing_added(
    gateway: Running, model_server: ModelServer, speech: Speech, last: bytes
) -> None:
    playing(model_server, speech, speech.word, last)

    assert await streamed(gateway, speech) == speech.word + last


@pytest.mark.parametrize(
    ("speech", "text"),
    [
        (MESSAGES, 'event: message_stop\ndata: {"type":"message_stop"}\n\n'),
        (RESPONSES, 'event: response.completed\ndata: {"type":"response.completed"}\n\n'),
    ],
)
async def test_words_that_look_like_an_end_are_no_end(
    gateway: Running, model_server: ModelServer, speech: Speech, text: str
) -> None:
    playing(model_server, speech, speech.word, event("delta", text=text))

    said = await streamed(gateway, speech)

    assert b"error" in said


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
@pytest.mark.parametrize(
    ("content", "headers", "status", "kind"),
    [
        (b"{", {}, 400, "invalid_request_error"),
        (b"{}", {"authorization": "Bearer sk-nobody-x"}, 401, "authentication_error"),
        (b'{"model":"nobody"}', {}, 404, "not_found_error"),
        (b"{}", {"content-type": "text/plain"}, 415, "api_error"),
    ],
)
async def test_an_error_before_the_stream_is_told_as_anthropic_does(
    gateway: Running,
    path: str,
    content: bytes,
    headers: dict[str, str],
    status: int,
    kind: str,
) -> None:
    given = {"content-type": "application/json", "x-request-id": "req-7"} | headers

    answer = await gateway.client.post(path, content=content, headers=given)

    said = answer.json()
    assert (answer.status_code, said["type"], said["error"]["type"]) == (status, "error", kind)
    assert said["request_id"] == "req-7"
    assert set(said["error"]) == {"type", "message"}


async def test_anthropics_client_shows_its_key_in_its_own_header(
    gateway: Running, model_server: ModelServer
) -> None:
    playing(model_server, MESSAGES, MESSAGES.end)
    del gateway.client.headers["authorization"]
    gateway.client.headers["x-api-key"] = KEY

    assert await streamed(gateway, MESSAGES) == MESSAGES.end
    assert "x-api-key" not in (await model_server.called()).headers
    gateway.client.headers["x-api-key"] = "sk-alice-no"
    refused = await gateway.client.post(MESSAGES.path, json={})
    assert refused.json()["error"]["type"] == "authentication_error"


@pytest.mark.parametrize(
    "theirs",
    [
        b'{"error":{"message":"too long","type":"BadRequestError","param":null,"code":400}}',
        b'{"type":"error","error":{"type":"invalid_request_error","message":"too long"}}',
    ],
)
async def test_anthropics_client_reads_whatever_the_model_server_says(
    gateway: Running, model_server: ModelServer, theirs: bytes
) -> None:
    async def refuse(call: Call) -> None:
        call.reply(theirs, "400 Bad Request")

    model_server.on[MESSAGES.path] = refuse
    url = f"http://127.0.0.1:{gateway.port}"

    async with anthropic.AsyncAnthropic(base_url=url, api_key=KEY, max_retries=0) as client:
        with pytest.raises(anthropic.BadRequestError) as caught:
            await client.messages.create(model="tiny", max_tokens=1, messages=[])

    assert isinstance(caught.value.body, dict)
    assert caught.value.body["type"] == "error"
    assert caught.value.body["error"]["type"] == "invalid_request_error"
    assert caught.value.body["error"]["message"] == "too long"
