"""The pages for people and machines: what each may hear, and what every answer carries."""

import json
from pathlib import Path

import pytest
from gateway.settings.backend_settings import BackendSettings
from gateway.settings.filter_rule import FilterRule
from gateway.settings.gateway_settings import Settings
from gatewaylab.running import KEY
from gatewaylab.visiting import ELSEWHERE, Visitor, chat, written_keys

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
ALICE = f"Bearer {KEY}"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    backends = (BackendSettings(url="http://10.9.8.7:8000"), BackendSettings(url="http://b:1"))
    return Settings(backends=backends, keys_file=written_keys(tmp_path), aliases={"gpt-4o": "tiny"})


@pytest.fixture
def visitor(settings: Settings) -> Visitor:
    visitor = Visitor(settings)
    visitor.backend_serves("tiny", "other")
    return visitor


@pytest.mark.parametrize("path", ["/", "/status"])
async def test_this_machine_hears_how_everything_is(visitor: Visitor, path: str) -> None:
    visitor.gateway.state.in_flight, visitor.gateway.admission.queued = 2, 1

    answer = await visitor.ask(path)

    assert answer.json() == {
        "status": "ok",
        "version": "0.1.0",
        "engine": "ready",
        "models": ["tiny", "other", "gpt-4o"],
        "backends": [
            {"backend": 1, "state": "up", "outstanding": 0},
            {"backend": 2, "state": "unknown", "outstanding": 0},
        ],
        "in_flight": 2,
        "queued": 1,
    }


@pytest.mark.parametrize("accept", ["application/json", BROWSER])
@pytest.mark.parametrize("path", ["/", "/status", "/docs", "/openapi.json", "/metrics"])
async def test_a_stranger_sees_no_page(visitor: Visitor, accept: str, path: str) -> None:
    elsewhere = await visitor.ask(path, peer=ELSEWHERE, accept=accept)
    through_nginx = await visitor.ask(path, x_forwarded_for=ELSEWHERE, accept=accept)

    for answer in (elsewhere, through_nginx):
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize("path", ["/health", "/health/ready"])
async def test_a_stranger_sees_whether_it_is_well_and_nothing_else(
    visitor: Visitor, path: str
) -> None:
    stranger = await visitor.ask(path, peer=ELSEWHERE)
    wrong_key = await visitor.ask(path, peer=ELSEWHERE, authorization="Bearer sk-alice-no")
    local = await visitor.ask(path)

    assert set(stranger.json()) == set(wrong_key.json()) == {"status"}
    assert len(local.json()) > 1


async def test_nobody_hears_the_address_of_a_backend(visitor: Visitor) -> None:
    answers = [
        await visitor.ask("/status", authorization=ALICE),
        await visitor.ask("/status", authorization=ALICE, accept=BROWSER),
    ]

    assert not [answer for answer in answers if "10.9.8.7" in answer.text]


async def test_a_key_hears_its_own_usage_and_no_others(visitor: Visitor) -> None:
    visitor.gateway.usage.record(chat(key_id="alice"))
    visitor.gateway.usage.record(chat(key_id="bob"))

    answer = await visitor.ask("/status", peer=ELSEWHERE, authorization=ALICE)

    counts = {"requests": 1, "prompt_tokens": 30, "completion_tokens": 11, "errors": 0}
    assert answer.json()["usage"] == {"today": counts, "total": counts}
    assert "bob" not in answer.text


async def test_a_key_hears_of_its_own_models(tmp_path: Path) -> None:
    visitor = Visitor(Settings(keys_file=written_keys(tmp_path, models=["tiny"])))
    visitor.backend_serves("tiny", "secret-model")

    answer = await visitor.ask("/status", authorization=ALICE)

    assert answer.json()["models"] == ["tiny"]


async def test_a_wrong_key_is_refused_and_not_taken_for_a_stranger(visitor: Visitor) -> None:
    answer = await visitor.ask("/status", authorization="Bearer sk-alice-guess")

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


async def test_without_a_backend_it_says_when_to_ask_again(visitor: Visitor) -> None:
    for backend in visitor.gateway.routing.backends:
        backend.found("down")

    answer = await visitor.ask("/status")

    told = answer.json()
    assert (told["status"], told["engine"], told["models"]) == ("warning", "waiting", [])
    assert 1 <= told["ready_in_seconds"] <= 120


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        (BROWSER, "text/html; charset=utf-8"),
        (";q=x,,;", "application/json"),
    ],
)
async def test_a_browser_gets_a_page_and_a_program_json(
    visitor: Visitor, accept: str, kind: str
) -> None:
    answer = await visitor.ask("/", accept=accept)

    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    assert answer.headers["vary"] == "accept"


async def test_what_a_page_shows_is_text_and_never_markup(visitor: Visitor) -> None:
    visitor.backend_serves("<script>alert(1)</script>")

    answer = await visitor.ask("/", accept=BROWSER)

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text
    assert "<script>" not in answer.text


async def test_a_page_is_locked_to_itself(visitor: Visitor) -> None:
    answer = await visitor.ask("/", accept=BROWSER)

    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    named = {name: answer.headers[name] for name in ("x-frame-options", "referrer-policy")}
    assert named == {"x-frame-options": "DENY", "referrer-policy": "no-referrer"}


@pytest.mark.parametrize("path", ["/", "/status", "/health", "/health/live", "/metrics", "/docs"])
async def test_head_is_get_without_the_body(visitor: Visitor, path: str) -> None:
    head = await visitor.ask(path, method="HEAD")
    get = await visitor.ask(path)

    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers["content-type"] == get.headers["content-type"]


@pytest.mark.parametrize("path", ["/", "/health", "/metrics", "/docs", "/nowhere"])
async def test_every_answer_has_one_request_id(visitor: Visitor, path: str) -> None:
    named = await visitor.ask(path, x_request_id="mine-1")
    unnamed = await visitor.ask(path)
    odd = await visitor.ask(path, x_request_id="not an id")

    assert named.headers.get_list("x-request-id") == ["mine-1"]
    ids = [answer.headers["x-request-id"] for answer in (unnamed, odd)]
    assert [len(each) for each in ids] == [32, 32]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "unknown_url"),
        ("POST", "/v1/load_lora_adapter", 404, "unknown_url"),
        ("GET", "/status/more", 404, "unknown_url"),
        ("POST", "/status", 405, "method_not_allowed"),
        ("DELETE", "/health", 405, "method_not_allowed"),
    ],
)
async def test_everything_else_is_refused_in_openais_shape(
    visitor: Visitor, method: str, path: str, status: int, code: str
) -> None:
    answer = await visitor.ask(path, method=method)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert error["type"] == "invalid_request_error"
    assert answer.headers["content-type"] == "application/json"


async def test_a_refused_method_hears_which_are_taken(visitor: Visitor) -> None:
    answer = await visitor.ask("/health", method="PUT")

    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


async def test_a_defect_is_an_internal_error_and_says_nothing_more(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.pages.status._details", None)

    answer = await visitor.ask("/status")

    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert "NoneType" not in answer.text


async def test_filter_rules_hold_for_pages_but_not_for_health() -> None:
    rule = FilterRule(name="office", allow=("10.0.0.0/8",))
    visitor = Visitor(Settings(filters=(rule,)))

    status = await visitor.ask("/status", x_forwarded_for=ELSEWHERE)
    office = await visitor.ask("/status", x_forwarded_for="10.1.1.1")
    live = await visitor.ask("/health/live", x_forwarded_for=ELSEWHERE)

    assert (status.status_code, office.status_code, live.status_code) == (403, 200, 200)


async def test_a_visit_is_told_of_and_a_look_at_health_is_not(
    visitor: Visitor, capfd: pytest.CaptureFixture[str]
) -> None:
    await visitor.ask("/health")
    await visitor.ask("/nowhere?key=secret", x_forwarded_for=ELSEWHERE, x_request_id="id-7")
    visitor.gateway.recorder.close()

    (line,) = map(json.loads, capfd.readouterr().out.splitlines())
    told = {name: line[name] for name in ("path", "status", "client", "request_id", "operation")}
    assert told == {
        "path": "/nowhere",
        "status": 404,
        "client": ELSEWHERE,
        "request_id": "id-7",
        "operation": "other",
    }
