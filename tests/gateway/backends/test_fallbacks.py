"""When a fallback is chosen: no other backend can be asked, and not merely each one is full."""

import json
from dataclasses import dataclass, field

import pytest
from gateway.backends.admission_queue import AdmissionQueue
from gateway.backends.backend import EJECT_AFTER, EJECTED_SECONDS, Backend
from gateway.backends.host_status import HostStatus
from gateway.backends.routing import Routing
from gateway.backends.target import Target
from gateway.core.errors import ModelLoading
from gateway.settings.backend_settings import BackendSettings
from gateway.settings.gateway_settings import Settings

STANDARD = 1
NOW = 1000.0


@dataclass(eq=False)
class Waiting:
    target: Target
    priority: int = STANDARD
    waits: bool = False
    wait_until: float = 0.0
    not_before: float = 0.0
    got: list[Backend] = field(default_factory=list)

    def look_again(self) -> None:
        """Its target stays."""

    def admitted(self, backend: Backend) -> None:
        backend.outstanding += 1
        self.got.append(backend)

    def expired(self) -> None:
        raise AssertionError(self)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [NOW]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


@pytest.fixture
def routing() -> Routing:
    """The fallback is the first one that the document names; it lacks one of the own models."""
    return routed(
        BackendSettings("http://theirs", fallback=True, models=("m",), names={"m": "x"}),
        BackendSettings("http://own", models=("m", "adapter"), max_in_flight=1),
    )


def routed(*backends: BackendSettings) -> Routing:
    routing = Routing(
        Settings(backends=backends), [Backend(one) for one in backends], HostStatus(None)
    )
    for backend in routing.backends:
        backend.found("up")
    return routing


def chosen(routing: Routing, model: str = "m") -> Backend | None:
    return routing.choose(routing.resolve(model), STANDARD, None)


def test_a_fallback_is_between_a_backend_that_is_up_and_one_that_refuses(routing: Routing) -> None:
    fallback, own = routing.backends

    found = [chosen(routing)]
    for state, refuses in (("loading", False), ("down", True), ("up", False)):
        own.found(state, refuses=refuses)  # type: ignore[arg-type]
        found.append(chosen(routing))
    own.found("down", refuses=True)
    fallback.found("down", refuses=True)
    found.append(chosen(routing))

    assert found == [own, fallback, fallback, own, own]
    own.found("loading")
    with pytest.raises(ModelLoading):
        chosen(routing)


def test_a_backend_that_is_full_makes_requests_wait(routing: Routing) -> None:
    _, own = routing.backends
    own.outstanding = 1

    assert chosen(routing) is None


def test_an_ejected_backend_is_tried_by_one_request_when_its_time_is_over(
    routing: Routing, clock: list[float]
) -> None:
    fallback, own = routing.backends
    for _ in range(EJECT_AFTER):
        own.failed(NOW)

    found = [chosen(routing), chosen(routing, "adapter")]
    clock[0] += 2 * EJECTED_SECONDS
    found += [chosen(routing), chosen(routing)]
    own.succeeded()
    found.append(chosen(routing))

    assert found == [fallback, own, own, fallback, own]


def test_what_waits_for_a_backend_that_is_ejected_meanwhile_goes_to_the_fallback(
    routing: Routing, clock: list[float]
) -> None:
    fallback, own = routing.backends
    admission = AdmissionQueue(routing)
    own.outstanding = 1
    waiter = Waiting(routing.resolve("m"))
    admission.enter(waiter, STANDARD, waiter.target, NOW)
    admission.released(fallback)
    assert waiter.got == []

    for _ in range(EJECT_AFTER):
        own.failed(NOW)
    admission.expire(NOW + 1)

    assert waiter.got == [fallback]


def test_what_is_kept_elsewhere_never_goes_to_a_fallback(routing: Routing) -> None:
    fallback, own = routing.backends
    target = routing.resolve("m").own()
    own.found("loading")

    with pytest.raises(ModelLoading):
        routing.choose(target, STANDARD, None)
    assert not routing.takes(fallback, target, STANDARD)
    assert routing.others(target, STANDARD, []) == []


def test_a_fallback_makes_no_engine_dead_that_is_merely_silent() -> None:
    own, _ = routed(
        BackendSettings("http://own", models=("m",)),
        BackendSettings("http://theirs", models=("m",), fallback=True),
    ).backends

    assert own.is_replaceable(NOW)
    assert not own.is_replaceable(NOW, by_fallbacks=False)


def test_the_list_of_models_has_the_names_that_clients_know(routing: Routing) -> None:
    _, own = routing.backends
    own.learned({"m": b'{"id":"m","root":"own"}'})
    up = json.loads(routing.models_document())["data"]
    own.found("loading")
    loading = json.loads(routing.models_document())["data"]

    assert (up[0], {one["id"] for one in up}) == ({"id": "m", "root": "own"}, {"m", "adapter"})
    assert [(one["id"], one["owned_by"]) for one in loading] == [("m", "inference-gateway")]


def test_a_model_that_fallbacks_alone_serve_is_a_problem() -> None:
    routing = routed(
        BackendSettings("http://own", models=("m",)),
        BackendSettings("http://theirs", fallback=True, models=("mm",)),
    )

    assert routing.problems == (
        "the model mm is served by fallbacks alone, which get all its requests",
    )
