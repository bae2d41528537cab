"""The API's document and its page say what the gateway does."""

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from gateway.core import endpoints
from gateway.core.endpoints import Body, Endpoint
from gateway.pages.openapi import document
from gateway.request import decoding
from gateway.settings.gateway_settings import Settings
from gatewaylab.visiting import Visitor, written_keys

BODIES = [each for each in endpoints.ENDPOINTS.values() if each.body is not Body.NONE]
JSON_BODIES = [each for each in BODIES if each.body is Body.JSON]


@pytest.fixture
def visitor() -> Visitor:
    return Visitor(Settings())


def operation(endpoint: Endpoint, settings: Settings | None = None) -> dict[str, Any]:
    found: dict[str, Any] = document(settings or Settings())["paths"][endpoint.path]
    (described,) = found.values()
    return dict(described)


def content(endpoint: Endpoint, settings: Settings | None = None) -> dict[str, Any]:
    """Return {"schema", "example"} of the one body that the endpoint takes."""
    (described,) = operation(endpoint, settings)["requestBody"]["content"].values()
    return dict(described)


async def test_the_document_is_served_as_it_is_made(visitor: Visitor) -> None:
    answer = await visitor.ask("/openapi.json")

    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == json.loads(json.dumps(document(visitor.gateway.routing.settings)))


def test_every_endpoint_is_described_and_nothing_that_does_not_pass() -> None:
    paths = document(Settings())["paths"]

    described = {
        (path, method.upper())
        for path, methods in paths.items()
        for method, operation in methods.items()
        if operation["tags"] != ["gateway"]
    }
    passing = {(each.path, each.method) for each in endpoints.ENDPOINTS.values()}
    by_id = (
        *(endpoints.ONE_MODEL, endpoints.READ_RESPONSE),
        *(endpoints.DELETE_RESPONSE, endpoints.CANCEL_RESPONSE),
    )
    assert described == passing | {(each.path, each.method) for each in by_id}


async def test_every_page_that_is_described_is_there(visitor: Visitor) -> None:
    paths = document(Settings())["paths"]
    pages = {path for path in paths if paths[path].get("get", {}).get("tags") == ["gateway"]}

    answers = {path: (await visitor.ask(path)) for path in pages}

    for path, answer in answers.items():
        said = paths[path]["get"]["responses"][str(answer.status_code)]["content"]
        assert answer.headers["content-type"].partition(";")[0] in said


def test_no_two_operations_have_one_name() -> None:
    methods = [each for path in document(Settings())["paths"].values() for each in path.values()]
    names = [each["operationId"] for each in methods]

    assert len(set(names)) == len(names)


@pytest.mark.parametrize("endpoint", BODIES, ids=lambda each: each.path)
def test_a_body_is_described_by_a_valid_schema_that_fits_its_sample(endpoint: Endpoint) -> None:
    described = content(endpoint)

    jsonschema.Draft202012Validator.check_schema(described["schema"])
    jsonschema.validate(described["example"], described["schema"])


@pytest.mark.parametrize("endpoint", JSON_BODIES, ids=lambda each: each.path)
def test_the_gateway_takes_what_it_describes(endpoint: Endpoint) -> None:
    sample = json.dumps(content(endpoint)["example"]).encode()

    ask = decoding.decode(sample, endpoint, b"application/json", Settings())

    assert ask.model == "some-model"


def test_unknown_fields_are_welcome() -> None:
    described = content(endpoints.ENDPOINTS["/v1/chat/completions"])

    jsonschema.validate(described["example"] | {"guided_json": {}}, described["schema"])


@pytest.mark.parametrize(
    "wrong", [{"stream": 0}, {"n": 17}, {"n": "two"}, {"messages": []}, {"model": 1}]
)
def test_what_cannot_pass_is_described_as_wrong(wrong: dict[str, Any]) -> None:
    described = content(endpoints.ENDPOINTS["/v1/chat/completions"])

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(described["example"] | wrong, described["schema"])


def test_the_limits_are_those_of_the_settings() -> None:
    chat = endpoints.ENDPOINTS["/v1/chat/completions"]

    fields = content(chat, Settings(max_n=3, max_output_tokens=500))["schema"]["properties"]

    assert (fields["n"]["maximum"], fields["max_tokens"]["maximum"]) == (3, 500)


def test_an_error_is_described_as_it_is_told() -> None:
    schemas = document(Settings())["components"]["schemas"]
    for endpoint in (*endpoints.ENDPOINTS.values(), endpoints.ONE_MODEL):
        error = endpoint.dialect.body(endpoints.unknown(), "id-1")
        responses = operation(endpoint)["responses"]
        (described,) = responses["404"]["content"].values()

        jsonschema.validate(json.loads(error), schemas[described["schema"]["$ref"].split("/")[-1]])


def test_only_a_gateway_with_keys_asks_for_one(tmp_path: Path) -> None:
    closed = document(Settings(keys_file=written_keys(tmp_path)))

    assert [list(each) for each in closed["security"]] == [["bearer"], ["header"]]
    assert document(Settings())["security"] == []


async def test_document_and_page_can_be_switched_off() -> None:
    visitor = Visitor(Settings(docs=False))

    answers = [await visitor.ask(path) for path in ("/docs", "/openapi.json")]
    status = await visitor.ask("/", accept="text/html")

    assert [answer.status_code for answer in answers] == [404, 404]
    assert "/docs" not in status.text


class Page(HTMLParser):
    """What of a page its policy has to allow."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.inline: dict[str, str] = {}
        self.loaded: list[str] = []
        self.handlers: list[str] = []
        self.ids: list[str] = []
        self._within = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._within = tag
        for name, value in attrs:
            if name == "src" or (name == "href" and tag != "a"):
                self.loaded.append(str(value))
            if name.startswith("on") or name == "style":
                self.handlers.append(name)
            if name == "id":
                self.ids.append(str(value))

    def handle_data(self, data: str) -> None:
        if self._within in {"script", "style"}:
            self.inline[self._within] = self.inline.get(self._within, "") + data

    def handle_endtag(self, _: str) -> None:
        self._within = ""


async def test_the_page_needs_nothing_from_elsewhere(visitor: Visitor) -> None:
    answer = await visitor.ask("/docs")

    found = Page(answer.text)
    assert (found.loaded, found.handlers) == (["data:,"], [])
    assert "http://" not in answer.text
    assert "https://" not in answer.text


async def test_the_policy_names_the_hash_of_exactly_this_style_and_script(
    visitor: Visitor,
) -> None:
    answer = await visitor.ask("/docs")

    policy = answer.headers["content-security-policy"]
    for kind, text in Page(answer.text).inline.items():
        digest = b64encode(sha256(text.encode()).digest()).decode()
        assert re.search(rf"{kind}-src 'sha256-{re.escape(digest)}';", policy)
    assert set(Page(answer.text).inline) == {"script", "style"}


async def test_the_page_shows_every_endpoint_once(visitor: Visitor) -> None:
    answer = await visitor.ask("/docs")

    ids = Page(answer.text).ids
    assert len(set(ids)) == len(ids)
    assert {"v1_chat_completions", "v1_models_model", "health_ready"} <= set(ids)
