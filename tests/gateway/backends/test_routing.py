"""Who gets a request, and what a client is told when nobody can."""

import json
from collections import Counter
from pathlib import Path

import pytest
from gateway.backends import model_list
from gateway.backends.backend import EJECT_AFTER, EJECTED_SECONDS, Backend
from gateway.backends.host_status import HostStatus
from gateway.backends.routing import Routing
from gateway.core.errors import BackendUnavailable, ModelLoading, UnknownModel
from gateway.settings.backend_settings import BackendSettings
from gateway.settings.gateway_settings import Settings

INTERACTIVE, STANDARD, BATCH = range(3)
NOW = 1000.0


def listed(*names: str) -> dict[str, bytes]:
    return {name: json.dumps({"id": name, "object": "model"}).encode() for name in names}


def routed(*served: str | None, eta: HostStatus | None = None, **settings: object) -> Routing:
    """Each backend is up and serves these models (space between); None: it does not say which."""
    urls = tuple(BackendSettings(url=f"http://backend-{n}:8000") for n in range(len(served)))
    settings = {"backends": urls} | settings
    routing = Routing(
        Settings(**settings),
        [Backend(one) for one in settings["backends"]],
        eta or HostStatus(None),
    )
    for backend, names in zip(routing.backends, served, strict=True):
        backend.found("up")
        if names is not None:
            backend.learned(listed(*names.split()))
    return routing


def chosen(routing: Routing, model: str | None = "m", affinity: bytes | None = None) -> Backend:
    backend = routing.choose(routing.resolve(model), STANDARD, affinity)
    assert backend is not None
    return backend


def fail(backend: Backend, times: int, now: float = NOW) -> None:
    for _ in range(times):
        backend.failed(now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [NOW]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def test_a_model_goes_to_a_backend_that_serves_it() -> None:
    routing = routed("a", "b", "a b")

    assert {chosen(routing, "a") for _ in range(4)} == {routing.backends[0], routing.backends[2]}
    assert chosen(routing, "b") in routing.backends[1:]


def test_the_least_busy_backend_is_chosen_and_equals_take_turns() -> None:
    routing = routed("m", "m", "m")
    first, second, third = routing.backends

    first.outstanding = 1

    assert [chosen(routing) for _ in range(4)] == [second, third, second, third]


def test_round_robin_does_not_care_how_busy_they_are() -> None:
    routing = routed("m", "m", balancing="round_robin")
    first, second = routing.backends
    first.outstanding = 50

    assert [chosen(routing) for _ in range(4)] == [first, second, first, second]


def test_a_backend_at_its_limit_gets_no_more_and_when_all_are_the_request_waits() -> None:
    backends = tuple(BackendSettings(url=f"http://{n}:1", max_in_flight=1) for n in "ab")
    routing = routed("m", "m", backends=backends)
    first, second = routing.backends

    first.outstanding = 1
    assert chosen(routing) is second
    second.outstanding = 1

    assert routing.choose(routing.resolve("m"), STANDARD, None) is None


@pytest.mark.parametrize("balancing", ["session", "prefix"])
def test_one_session_stays_with_one_backend_and_many_spread(balancing: str) -> None:
    routing = routed("m", "m", "m", balancing=balancing)

    homes = {mark: chosen(routing, affinity=b"%d" % mark) for mark in range(300)}
    again = {mark: chosen(routing, affinity=b"%d" % mark) for mark in range(300)}

    assert homes == again
    assert min(Counter(homes.values()).values()) > 60


def test_when_a_backend_goes_only_its_own_sessions_move() -> None:
    routing = routed("m", "m", "m", balancing="session")
    homes = {mark: chosen(routing, affinity=b"%d" % mark) for mark in range(100)}
    gone = routing.backends[1]

    gone.found("down")

    after = {mark: chosen(routing, affinity=b"%d" % mark) for mark in range(100)}
    assert {mark for mark in homes if homes[mark] is not after[mark]} == {
        mark for mark, home in homes.items() if home is gone
    }


def test_a_crowded_or_full_home_is_left_for_the_least_busy_backend() -> None:
    routing = routed("m", "m", balancing="prefix")
    home = chosen(routing, affinity=b"same prompt")
    (other,) = {*routing.backends} - {home}

    home.outstanding = 8
    assert chosen(routing, affinity=b"same prompt") is home
    home.outstanding = 9
    assert chosen(routing, affinity=b"same prompt") is other
    home.outstanding = home.limit = 3
    assert chosen(routing, affinity=b"same prompt") is other


def test_affinity_is_the_session_or_the_key_or_the_prefix_as_set() -> None:
    body = b"x" * 5000

    assert routed("m").affinity(b"s-1", "alice", body) is None
    assert routed("m", balancing="session").affinity(b"s-1", "alice", body) == b"s-1"
    assert routed("m", balancing="session").affinity(None, "alice", body) == b"alice"
    assert routed("m", balancing="prefix").affinity(b"s-1", "alice", body) == body[:1024]


def test_a_class_goes_only_where_it_is_taken() -> None:
    backends = (
        BackendSettings(url="http://a:1", classes=("interactive",)),
        BackendSettings(url="http://b:1"),
    )
    routing = routed("m", "m", backends=backends)
    reserved, shared = routing.backends
    target = routing.resolve("m")

    assert {routing.choose(target, BATCH, None) for _ in range(3)} == {shared}
    assert {routing.choose(target, INTERACTIVE, None) for _ in range(3)} == {reserved, shared}
    shared.found("down")
    with pytest.raises(BackendUnavailable):
        routing.choose(target, BATCH, None)


def test_an_alias_is_told_to_the_backend_by_its_own_name() -> None:
    routing = routed("tiny", aliases={"gpt-4": "tiny"})

    alias, own = routing.resolve("gpt-4"), routing.resolve("tiny")

    assert (alias.served, alias.edit, alias.backends) == ("tiny", True, routing.backends)
    assert (own.served, own.edit) == ("tiny", False)


def test_an_alias_for_what_nobody_serves_is_told_and_is_an_unknown_model(
    caplog: pytest.LogCaptureFixture,
) -> None:
    routing = routed("tiny", aliases={"gpt-4": "large"})

    assert routing.problems == ("the alias gpt-4 stands for large, which no backend serves",)
    assert caplog.text.count("the alias gpt-4 stands for large") == 1
    with pytest.raises(UnknownModel, match="`gpt-4` is not served here"):
        routing.resolve("gpt-4")
    routing.backends[0].learned(listed("tiny", "large"))
    assert routing.problems == ()


def test_a_model_that_nobody_serves_is_unknown() -> None:
    routing = routed("a")

    with pytest.raises(UnknownModel) as told:
        routing.resolve("b" * 5000)

    assert (told.value.status, told.value.param) == (404, "model")
    assert len(str(told.value)) < 300


def test_a_request_without_a_model_goes_to_any_backend() -> None:
    routing = routed("a", "b")

    assert {chosen(routing, None) for _ in range(2)} == {*routing.backends}
    assert routing.resolve(None).served is None


def test_a_backend_that_does_not_say_what_it_serves_is_asked_for_what_others_do_not() -> None:
    routing = routed("a", None)

    assert chosen(routing, "a") is routing.backends[0]
    assert chosen(routing, "b") is routing.backends[1]
    assert routing.resolve("b").served == "b"


def test_a_gateway_that_has_just_started_refuses_nobody() -> None:
    settings = Settings()
    routing = Routing(settings, [Backend(one) for one in settings.backends], HostStatus(None))

    assert chosen(routing, "anything") is routing.backends[0]


def test_names_that_are_set_are_served_whatever_the_backend_lists() -> None:
    backends = (BackendSettings(url="http://a:1", models=("m", "n")),)
    routing = routed("m x", backends=backends)

    assert routing.resolve("n").backends == routing.backends
    with pytest.raises(UnknownModel):
        routing.resolve("x")
    said = json.loads(routing.models_document())["data"]
    assert [one["id"] for one in said] == ["m", "n"]


def test_a_model_whose_backends_are_down_is_unavailable_not_unknown() -> None:
    routing = routed("a", "b")

    routing.backends[0].found("down")

    with pytest.raises(BackendUnavailable) as told:
        routing.resolve("a")
    assert (told.value.code, told.value.seconds) == ("backend_unavailable", 30)
    with pytest.raises(UnknownModel):
        routing.resolve("c")


def test_a_model_may_be_served_by_a_backend_that_never_came_up() -> None:
    routing = routed("a", None)

    routing.backends[1].found("down")

    with pytest.raises(BackendUnavailable):
        routing.resolve("b")


def test_a_loading_backend_is_told_apart_from_one_that_is_down() -> None:
    routing = routed("a")

    routing.backends[0].found("loading")

    with pytest.raises(ModelLoading):
        routing.resolve("a")


def test_what_the_agent_says_about_loading_is_told_to_the_client(tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    file.write_text('{"phase": "loading", "percent": 40, "eta_seconds": 55}')
    eta = HostStatus(file)
    eta.read()
    routing = routed("a", eta=eta)

    routing.backends[0].found("down")

    with pytest.raises(ModelLoading) as told:
        routing.resolve("a")
    assert 53 <= told.value.seconds <= 55


def test_a_backend_that_refused_the_probe_is_tried_when_there_is_no_other() -> None:
    routing = routed("m", "m")
    first, second = routing.backends
    first.found("down", refuses=True)

    assert {chosen(routing) for _ in range(3)} == {second}
    second.found("down", refuses=True)

    assert chosen(routing) is first
    first.succeeded()
    assert first.up
    assert {chosen(routing) for _ in range(3)} == {first}


def test_after_a_refused_connection_the_next_backend_is_chosen_and_at_last_the_client_is_told() -> (
    None
):
    routing = routed("m", "m")
    target = routing.resolve("m")
    tried = [chosen(routing)]

    other = routing.choose(target, STANDARD, None, tried)
    assert other is not None
    assert other not in tried
    with pytest.raises(BackendUnavailable):
        routing.choose(target, STANDARD, None, [*tried, other])


def test_a_backend_that_fails_in_a_row_is_passed_over_for_a_while(clock: list[float]) -> None:
    routing = routed("m", "m")
    bad, good = routing.backends

    fail(bad, EJECT_AFTER - 1)
    assert bad in {chosen(routing) for _ in range(2)}
    fail(bad, 1)

    assert {chosen(routing) for _ in range(10)} == {good}


def test_after_its_ejection_one_request_at_a_time_may_try_a_backend(clock: list[float]) -> None:
    routing = routed("m", "m")
    bad, good = routing.backends
    good.outstanding = 5
    fail(bad, EJECT_AFTER)

    clock[0] += EJECTED_SECONDS
    assert [chosen(routing) for _ in range(3)] == [bad, good, good]
    fail(bad, 1, clock[0])
    clock[0] += EJECTED_SECONDS - 1
    assert chosen(routing) is good
    clock[0] += 1
    assert chosen(routing) is bad
    bad.succeeded()
    assert [chosen(routing) for _ in range(3)] == [bad, bad, bad]


def test_the_last_backend_of_a_model_is_never_passed_over(clock: list[float]) -> None:
    routing = routed("m", "other")

    fail(routing.backends[0], 20)

    assert routing.backends[0].ejected_until == 0
    assert chosen(routing) is routing.backends[0]


def test_when_the_others_fail_too_an_ejected_backend_is_asked_again(clock: list[float]) -> None:
    routing = routed("m", "m")
    first, second = routing.backends

    fail(first, 20)
    fail(second, 20)
    assert (first.ejected_until > NOW, second.ejected_until) == (True, 0)
    assert chosen(routing) is second
    second.found("down")

    assert chosen(routing) is first


def test_a_backend_is_not_ejected_where_a_class_would_lose_its_last(clock: list[float]) -> None:
    backends = (
        BackendSettings(url="http://a:1"),
        BackendSettings(url="http://b:1", classes=("interactive",)),
    )
    routing = routed("m", "m", backends=backends)

    fail(routing.backends[0], 20)

    assert routing.backends[0].ejected_until == 0


@pytest.mark.parametrize("status", [200, 400, 401, 404, 429, 501, 503])
def test_what_is_the_clients_fault_or_honest_backpressure_ejects_nobody(status: int) -> None:
    routing = routed("m", "m")
    backend = routing.backends[0]

    for _ in range(20):
        backend.answered(status, NOW)

    assert (backend.failures, backend.ejected_until) == (0, 0)


def test_a_probe_ends_an_ejection_for_lost_connections_not_one_for_failed_answers() -> None:
    routing = routed("m", "m")
    lost, failing = routing.backends[0], routed("m", "m").backends[0]
    fail(lost, EJECT_AFTER)
    for _ in range(EJECT_AFTER):
        failing.answered(500, NOW)

    lost.probe_succeeded()
    failing.probe_succeeded()

    assert lost.ejected_until == 0
    assert failing.ejected_until == NOW + EJECTED_SECONDS


def test_the_models_of_all_backends_are_listed_byte_for_byte() -> None:
    odd = b'{ "id":"odd", "created": 1e400, "x":"\\u00e9", "id2":[1,2.50]}'
    routing = routed("a", "a b", aliases={"gpt-4": "odd"})

    routing.backends[0].learned({"odd": odd} | listed("a"))

    document = routing.models_document()
    assert odd in document
    assert document.count(b'"id": "a"') == 1
    assert routing.model_document("odd") == odd
    assert routing.model_document("gpt-4") == (
        b'{"id":"gpt-4","created":1e400,"x":"\\u00e9","id2":[1,2.50]}'
    )


def test_a_key_that_may_use_some_models_is_shown_those() -> None:
    routing = routed("a b c")

    said = json.loads(routing.models_document({"a", "c", "z"}))["data"]

    assert [one["id"] for one in said] == ["a", "c"]


def test_one_model_that_is_not_there_is_unknown_and_one_that_is_down_unavailable() -> None:
    routing = routed("a", "b")
    routing.backends[1].found("down")

    with pytest.raises(UnknownModel):
        routing.model_document("c")
    with pytest.raises(BackendUnavailable):
        routing.model_document("b")
    routing.backends[0].found("down")
    with pytest.raises(BackendUnavailable):
        routing.models_document()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"<html>",
        b'{"data":[1]}',
        b'{"data":[{"name":"a"}]}',
        b'{"data":[{"id":1}]}',
        b'{"data":[{"id":"a","x":"\xff"}]}',
        b'{"data":' + b"[" * 100_000,
    ],
)
def test_what_is_no_list_of_models_is_no_list_of_models(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        model_list.parse(body)
