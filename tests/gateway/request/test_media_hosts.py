"""What the engine would fetch for a caller is refused, unless the operator lists its host."""

import json
from typing import Any

import pytest
from gateway.core.errors import InvalidRequest
from gateway.core.segmented_body import SegmentedBody
from gateway.request import media_hosts
from gateway.request.cost.media import MediaMeter, measured
from gateway.request.cost.prompts import PromptCounter, counted
from gateway.request.incremental_json import JsonReader
from gateway.request.parameters import fields_of
from gateway.request.upload import Upload

EVIL = "http://169.254.169.254/latest/meta-data"


def message(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": list(parts)}]}


FETCHED: dict[str, dict[str, Any]] = {
    "a picture": message({"type": "image_url", "image_url": {"url": EVIL}}),
    "a picture as text": message({"type": "input_image", "image_url": EVIL}),
    "a sound": message({"type": "audio_url", "audio_url": {"url": EVIL}}),
    "a film": message({"type": "video_url", "video_url": {"detail": "low", "url": EVIL}}),
    "a file": message({"type": "input_file", "file_url": EVIL}),
    "Anthropic's source": message({"type": "image", "source": {"type": "url", "url": EVIL}}),
    "Cohere's pictures": {"model": "m", "images": ["data:image/png;base64,AA", EVIL]},
    "another scheme": message({"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}),
    "blanks before it": message({"type": "image_url", "image_url": {"url": f" {EVIL}"}}),
    "a user before the host": message(
        {"type": "image_url", "image_url": {"url": "http://good.example@evil.example/"}}
    ),
    "a backslash": message(
        {"type": "image_url", "image_url": {"url": "http://evil.example\\@good.example/"}}
    ),
}
PASSING: dict[str, dict[str, Any]] = {
    "data": message({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA//"}}),
    "text with an address": message({"type": "text", "text": f'see "{EVIL}" and "image_url"'}),
    "a listed host": message({"type": "image_url", "image_url": {"url": "https://good.example/a"}}),
    "a host within": message({"type": "image_url", "image_url": {"url": "https://a.b.example:8/"}}),
    "a tool's schema": message() | {"tools": [{"parameters": {"image_url": {"url": EVIL}}}]},
    "a document": {"model": "m", "documents": [{"url": EVIL, "text": "x"}]},
}
HOSTS = ("good.example", ".b.example")


@pytest.mark.parametrize("escapes", [False, True])
@pytest.mark.parametrize("name", FETCHED)
def test_an_address_is_refused_however_it_is_written(name: str, *, escapes: bool) -> None:
    body = json.dumps(FETCHED[name]).encode()
    if escapes:
        body = body.replace(b"image_url", b"im\\u0061ge_url").replace(b"://", b"\\u003a\\/\\/")

    with pytest.raises(InvalidRequest, match="media_hosts"):
        media_hosts.check(body, HOSTS)
    media_hosts.check(body, ("*",))


@pytest.mark.parametrize("name", PASSING)
def test_what_fetches_nothing_else_passes(name: str) -> None:
    media_hosts.check(json.dumps(PASSING[name]).encode(), HOSTS)


def in_pieces(body: bytes, size: int) -> JsonReader:
    parts = SegmentedBody(body[at : at + size] for at in range(0, len(body), size))
    reader = JsonReader(parts, fields_of("chat"), 128, hosts=HOSTS)
    while reader.read():
        pass
    return reader


@pytest.mark.parametrize("name", FETCHED)
def test_no_cut_of_a_large_body_hides_an_address(name: str) -> None:
    body = json.dumps(FETCHED[name]).encode()

    for size in range(1, len(body), 3):
        with pytest.raises(InvalidRequest, match="media_hosts"):
            in_pieces(body, size)


@pytest.mark.parametrize("name", PASSING)
def test_no_cut_of_a_large_body_makes_an_address_of_what_is_none(name: str) -> None:
    body = json.dumps(PASSING[name]).encode()

    for size in range(1, len(body), 3):
        in_pieces(body, size)


DATA = "A" * 8000
MEDIA = [
    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DATA}"}},
    {"type": "image_url", "image_url": {"detail": "high", "url": f"data:image/png;base64,{DATA}"}},
    {"type": "input_image", "image_url": f"data:image/png;base64,{DATA}"},
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}},
    {"type": "input_audio", "input_audio": {"format": "wav", "data": DATA}},
    {"type": "file", "file": {"filename": "a.pdf", "file_data": DATA}},
]


@pytest.mark.parametrize("part", MEDIA)
@pytest.mark.parametrize("size", [1, 7, 100, 100_000])
def test_a_picture_is_counted_as_one_whatever_field_holds_it(
    part: dict[str, Any], size: int
) -> None:
    body = json.dumps(message(part)).encode()

    meter = MediaMeter()
    for at in range(0, len(body), size):
        meter.feed(body[at : at + size])

    assert (meter.items, meter.bytes) == (1, len(DATA))
    assert meter.tokens(len(body), 4) < 400


def disguised_tool(size: int) -> dict[str, object]:
    """Return a tool whose description looks like a picture to a reader without structure."""
    fake = {"source": {"type": "base64", "data": "A" * size}}
    return {"type": "function", "function": {"name": "f", "parameters": fake}}


@pytest.mark.parametrize("place", ["tools", "functions", "documents", "chat_template_kwargs"])
@pytest.mark.parametrize("size", [20_000, 120_000])
def test_base64_in_a_field_that_is_part_of_the_prompt_is_text(place: str, size: int) -> None:
    hidden = disguised_tool(size)
    fields = {"model": "m", "messages": [], place: hidden if "_" in place else [hidden]}
    body = json.dumps(fields).encode()

    assert estimated(body) >= size // 4


def test_a_picture_beside_tools_is_a_picture() -> None:
    parts = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{'A' * 400_000}"}}]
    tools = [{"type": "function", "function": {"name": "f", "description": "word " * 8000}}]
    body = json.dumps({"tools": tools, "messages": [{"role": "user", "content": parts}]}).encode()

    assert 10_000 < estimated(body) < 11_000


def estimated(body: bytes) -> int:
    """Return the tokens that a body is taken for, read in one go or piece by piece."""
    upload = Upload()
    upload.add(body)
    taken = upload.take()
    if isinstance(taken, bytes):
        return measured(taken).tokens(len(taken), 4)
    reader = JsonReader(taken, fields_of("chat"), 128)
    while reader.read():
        pass
    return reader.media.tokens(taken.size, 4)


@pytest.mark.parametrize(
    "text", [";base64," + "word " * 2000, '"image_url": "data:,' + "word " * 2000]
)
def test_text_that_mentions_base64_is_counted_as_text(text: str) -> None:
    body = json.dumps(message({"type": "text", "text": text})).encode()
    disguised = json.dumps({"image_url": {"url": "data:x;base64," + "word " * 2000}}).encode()

    assert measured(body).tokens(len(body), 4) > 2000
    assert measured(disguised).tokens(len(disguised), 4) > 2000


@pytest.mark.parametrize(
    ("operation", "body", "prompts"),
    [
        ("text_completion", {"prompt": "one"}, 1),
        ("text_completion", {"prompt": ["one", "two"]}, 2),
        ("text_completion", {"prompt": [1, 2, 3]}, 1),
        ("text_completion", {"prompt": [[1, 2], [3]]}, 2),
        ("text_completion", {"messages": ["one", "two"]}, 1),
        ("chat_batch", {"messages": [[{"content": "x"}], [{"content": "y"}]]}, 2),
        ("chat", {"messages": [{"content": "x"}, {"content": "y"}]}, 1),
    ],
)
def test_each_prompt_of_a_list_is_one(operation: str, body: dict[str, Any], prompts: int) -> None:
    text = json.dumps(body).encode()

    assert counted(operation, text) == prompts
    counter = PromptCounter(operation)
    counter.feed(text)
    assert counter.count == prompts


@pytest.mark.parametrize("size", [64, 1000, 5000])
def test_prompts_are_counted_in_pieces_too(size: int) -> None:
    body = json.dumps({"model": "m", "prompt": ["text " * 10] * 500, "stop": ["a"]}).encode()
    parts = SegmentedBody(body[at : at + size] for at in range(0, len(body), size))

    reader = JsonReader(parts, fields_of("text_completion"), 9)
    while reader.read():
        pass

    assert reader.prompts == 500
