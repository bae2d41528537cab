"""A large body is read piece by piece: to the same end as a small one, and never for long."""

import asyncio
import random
import tracemalloc
from collections.abc import Callable

import pytest
from gateway.core.endpoints import ENDPOINTS, Body
from gateway.core.errors import InvalidRequest
from gateway.core.segmented_body import SegmentedBody
from gateway.request import decoding as bodies
from gateway.request import edits as body_edits
from gateway.request import incremental_json
from gateway.request.cost.media import MediaMeter, measured
from gateway.request.incremental import Reader, edited
from gateway.request.incremental_form import FormReader
from gateway.request.incremental_json import JsonReader
from gateway.request.json_split import Text
from gateway.request.parameters import Parameters, fields_of
from gateway.request.read_scheduler import ReadScheduler
from gateway.request.upload import PIECE_BYTES, Upload
from gateway.settings.gateway_settings import Settings
from gatewaylab.documents import Documents
from gatewaylab.speeches import CHAT, FORM, TRANSCRIPTIONS, form
from hypothesis import given, strategies
from hypothesis import settings as tried
from msgspec import Raw
from msgspec.structs import astuple

MiB = 1024 * 1024
MOST_AT_ONCE = 256 * 1024
LONG = 160
SETTINGS = Settings(max_depth=8)

# What is judged, whether it holds media, and what is sent on: renamed, counted, both.
Verdict = tuple[object, ...]
REFUSED: Verdict = ("refused",)


def tried_on(edits: Callable[[str | None, bool], bytes], *, stream: bool) -> list[bytes | None]:
    found: list[bytes | None] = []
    for served, counts in (("served", False), (None, True), ("served", True)):
        try:
            found.append(edits(served, counts and stream))
        except InvalidRequest:
            found.append(None)
    return found


def in_one_go(body: bytes, kind: Body = Body.JSON, content_type: bytes = b"") -> Verdict:
    endpoint = ENDPOINTS[TRANSCRIPTIONS.path if kind is Body.FORM else CHAT.path]
    try:
        ask = bodies.decode(body, endpoint, content_type, SETTINGS)
    except InvalidRequest:
        return REFUSED

    def edits(served: str | None, counts: bool) -> bytes:  # noqa: FBT001
        changed = body if served is None else body_edits.rename(body, served, kind, content_type)
        return body_edits.ask_for_usage(changed, ask) if counts else changed

    media = MediaMeter() if kind is Body.FORM else measured(body)
    return (
        values(ask),
        (media.items, media.bytes),
        *tried_on(edits, stream=bool(ask.stream) and kind is Body.JSON),
    )


def in_pieces(
    parts: list[bytes], make: Callable[[SegmentedBody], Reader], *, injects: bool = True
) -> Verdict:
    body = SegmentedBody(parts)
    try:
        reader = make(body)
        read_to_the_end(reader)
        bodies.check_limits(reader.parameters, SETTINGS)
    except InvalidRequest:
        return REFUSED

    def edits(served: str | None, counts: bool) -> bytes:  # noqa: FBT001
        changed = edited(body, reader, served, counts=counts)
        return changed.start(changed.size)

    stream = bool(reader.parameters.stream) and injects
    media = reader.media.items, reader.media.bytes
    return values(reader.parameters), media, *tried_on(edits, stream=stream)


def values(parameters: Parameters) -> list[object]:
    """Return what is read of a body, comparable whichever operation it is of."""
    found = astuple(parameters)
    return [bytes(one) if isinstance(one, Raw) else one for one in found]


def read_to_the_end(reader: Reader) -> None:
    while reader.read():
        pass


def pieces(body: bytes) -> SegmentedBody:
    upload = Upload()
    upload.add(body)
    taken = upload.take()
    assert isinstance(taken, SegmentedBody)
    return taken


def json_reader(body: SegmentedBody) -> JsonReader:
    return JsonReader(body, fields_of("chat"), SETTINGS.max_depth, long=LONG)


@tried(max_examples=1000, deadline=None, database=None, derandomize=True)
@given(strategies.integers(0, 2**32))
def test_any_json_is_judged_and_edited_in_pieces_as_it_is_in_one_go(seed: int) -> None:
    documents = Documents(random.Random(seed), LONG)  # noqa: S311 -- a test's dice must repeat
    body = documents.body()

    assert in_pieces(documents.parts(body), json_reader) == in_one_go(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"gpt","x":"' + b"y" * 500 + b'","mod\\u0065l":"tiny"}',
        b'{"mod\\u0065l":"tiny","x":"' + b"y" * 500 + b'","model":"gpt"}',
        b'{"stream_options":{"include_usage":true,"x":"' + b"y" * 500 + b'"},"stream":true}',
        b'{"stream":true,"stream_options":{"a":["' + b"y" * 500 + b'"]},"stream_options":{}}',
        b'{"model":"' + b"m" * 500 + b'","stream":true}',
        b'{"x":"' + b"\\ud83d\\ude00" * 200 + b'\\ud83d"}',
        b'{"x":"' + b"\\\\" * 400 + b'\\"}',
        b'{"x":"' + b"\xf0\x9f\x98\x80" * 200 + b'\xf0\x9f"}',
        b'{"x":[' + b"1," * 400 + b"]}",
        b'{"x":[' + b"[1]," * 400 + b'{"a" "b"}]}',
        b'{"x":[' + b"[1]," * 400 + b'"a":1]}',
        b'{"x":{"a":1' + b',"a":2' * 400 + b",3}}",
        b'{"x":{"a":1' + b',"a":2' * 400 + b"]}",
        b'{"x":1}' + b" " * 500 + b"{}",
        b'{"x":1}' + b" " * 500 + b'"' + b"y" * 500 + b'"',
        b'{"x":' + b"[" * 7 + b" " * 500 + b"]" * 7 + b"}",
        b'{"x":' + b"[" * 8 + b" " * 500 + b"]" * 8 + b"}",
        b'{"x":1' + b" " * 500 + b"2}",
        b'{"x"' + b" " * 500 + b",1}",
        b" " * 500,
        b" " * 500 + b"[]",
        b"",
    ],
)
@pytest.mark.parametrize("size", [1, 5, 64, 300])
def test_what_is_hard_to_cut_is_judged_as_in_one_go(body: bytes, size: int) -> None:
    parts = [body[at : at + size] for at in range(0, len(body), size)]

    assert in_pieces(parts, json_reader) == in_one_go(body)


FORMS = {
    "a good one": form(model="gpt", stream="true", file=b"RIFF\r\n--gatewaylab\x00" * 50),
    "its model last": form(file=b"\r\n" * 300, language="de", model="caf\u00e9"),
    "two models": form(model="a", file=b"x") .replace(b'name="file"', b'name="model"'),
    "a long model": form(model="m" * 5000),
    "no end": form(model="a", file=b"x" * 500)[:-20],
    "too many parts": form(**{f"f{number}": "x" for number in range(200)}),
    "no form": b"nonsense" * 100,
    "a model that is no text": b"".join(
        (b"--gatewaylab\r\n", b'Content-Disposition: form-data; name="model"\r\n\r\n',
         b"\xff\r\n--gatewaylab--\r\n")
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("size", [100, 333, 100_000])
def test_a_form_is_judged_and_edited_in_pieces_as_it_is_in_one_go(name: str, size: int) -> None:
    body, kind = FORMS[name], FORM.encode()
    parts = [body[at : at + size] for at in range(0, len(body), size)]

    found = in_pieces(parts, lambda pieces: FormReader(pieces, kind), injects=False)

    assert found == in_one_go(body, Body.FORM, kind)


NESTED = b"[" * 100 + b"]" * 100 + b","

# What stands before, how often which bytes, and what stands after.
LARGE = {
    "nested 100 deep": (b'{"x":[', NESTED, b"0]}"),
    "escapes": (b'{"x":"', b'\\"\\\\\\n\\ud83d\\ude00', b'"}'),
    "numbers": (b'{"x":[', b"1.5e3,", b"0]}"),
    "keys": (b"{", b'"k":1,', b'"model":"tiny"}'),
    "strings": (b'{"x":[', b'"",', b"0]}"),
    "one string": (b'{"x":"', b"y", b'"}'),
    "whitespace": (b'{"x":', b" ", b"1}"),
}


def large(name: str, size: int) -> bytes:
    before, repeated, after = LARGE[name]
    return before + repeated * (size // len(repeated)) + after


@pytest.mark.parametrize("name", LARGE)
async def test_at_most_256_kib_are_read_between_two_turns_of_the_loop(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns, read = [0], dict[int, int]()

    class Counted(Text):
        def __init__(self, doc: bytes, opened: int) -> None:
            read[turns[0]] = read.get(turns[0], 0) + len(doc)
            super().__init__(doc, opened)

    monkeypatch.setattr(incremental_json, "Text", Counted)
    body, reading, unread = large(name, 6 * MiB), ReadScheduler(), [2]

    def step(reader: JsonReader) -> bool:
        more = reader.read()
        unread[0] -= not more
        return more

    for _ in range(2):  # two at once get no more than one
        reader = JsonReader(pieces(body), fields_of("chat"), 128)
        reading.add(lambda reader=reader: step(reader))  # type: ignore[misc]
    while unread[0]:
        turns[0] += 1
        await asyncio.sleep(0)

    assert sum(read.values()) >= 2 * len(body)
    assert max(read.values()) <= MOST_AT_ONCE


@pytest.mark.parametrize("name", ["nested 100 deep", "keys"])
def test_no_step_of_the_largest_body_reads_more_than_256_kib(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []

    class Counted(Text):
        def __init__(self, doc: bytes, opened: int) -> None:
            read.append(len(doc))
            super().__init__(doc, opened)

    monkeypatch.setattr(incremental_json, "Text", Counted)
    body = large(name, 45 * MiB)
    reader, steps = JsonReader(pieces(body), fields_of("chat"), 128), 1
    while reader.read():
        steps += 1

    assert len(read) <= steps
    assert sum(read) < 1.1 * len(body)  # one pass
    assert max(read) <= MOST_AT_ONCE


@pytest.mark.parametrize("name", ["stream_options", "model"])
async def test_a_field_that_decides_is_never_cut_and_refused_if_it_is_too_long(name: str) -> None:
    body = b'{"%b":"%b"}' % (name.encode(), b"y" * MiB)

    reader = JsonReader(
        SegmentedBody(body[at : at + PIECE_BYTES] for at in range(0, MiB, PIECE_BYTES)),
        fields_of("chat"),
        9,
    )

    with pytest.raises(InvalidRequest, match="longer than 131072 bytes"):
        read_to_the_end(reader)


def test_a_body_is_held_once_from_its_upload_to_its_edited_copy() -> None:
    part = b'{"x":"y"},' * 6400
    tracemalloc.start()
    upload = Upload()
    upload.add(b'{"model":"gpt","stream":true,"messages":[')
    for _ in range(300):
        upload.add(bytes(part))
    upload.add(b"0]}")
    body = upload.take()
    assert isinstance(body, SegmentedBody)
    reader = JsonReader(body, fields_of("chat"), 128)
    read_to_the_end(reader)
    sent = edited(body, reader, "served", counts=True)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert sent.size > 19_000_000
    assert peak < 1.3 * sent.size


def test_many_tiny_parts_are_joined_as_they_come() -> None:
    tracemalloc.start()
    upload = Upload()
    for _ in range(100_000):
        upload.add(bytes(bytearray(b"ab")))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    body = upload.take()
    assert isinstance(body, SegmentedBody)
    assert body.cut(0, body.size) == b"ab" * 100_000
    assert peak < 3 * 200_000
