"""Requests wait in order for a free place, the urgent ones first, and not for ever."""

from dataclasses import dataclass, field

import pytest
from gateway.backends.admission_queue import AdmissionQueue
from gateway.backends.backend import EJECT_AFTER, Backend
from gateway.backends.host_status import HostStatus
from gateway.backends.routing import Routing
from gateway.backends.target import Target
from gateway.core.errors import BackendUnavailable, Overloaded
from gateway.settings.backend_settings import BackendSettings
from gateway.settings.gateway_settings import Settings

INTERACTIVE, STANDARD, BATCH = range(3)
NOW = 1000.0


@dataclass(eq=False)
class Waiting:
    target: Target
    priority: int = STANDARD
    got: list[Backend] = field(default_factory=list)
    ended: int = 0
    waits: bool = False
    wait_until: float = 0.0
    not_before: float = 0.0

    def look_again(self) -> None:
        """Its target stays."""

    def admitted(self, backend: Backend) -> None:
        backend.outstanding += 1
        self.got.append(backend)

    def expired(self) -> None:
        self.ended += 1


@dataclass
class Lab:
    routing: Routing
    admission: AdmissionQueue

    def wait(self, model: str = "m", priority: int = STANDARD, now: float = NOW) -> Waiting:
        waiter = Waiting(self.routing.resolve(model), priority)
        self.admission.enter(waiter, priority, waiter.target, now)
        return waiter

    def release(self, backend: Backend) -> None:
        backend.outstanding -= 1
        self.admission.released(backend)


def lab(*models: str, **settings: object) -> Lab:
    """Each backend serves these models and has all of its two places taken."""
    backends = tuple(
        BackendSettings(
            url=f"http://backend-{n}:8000", models=tuple(names.split()), max_in_flight=2
        )
        for n, names in enumerate(models)
    )
    routing = Routing(
        Settings(backends=backends, **settings),
        [Backend(one) for one in backends],
        HostStatus(None),
    )
    for backend in routing.backends:
        backend.found("up")
        backend.outstanding = 2
    return Lab(routing, AdmissionQueue(routing))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [NOW]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def test_one_free_place_goes_to_the_one_who_waited_longest() -> None:
    here = lab("m")
    (backend,) = here.routing.backends
    first, second = here.wait(), here.wait()

    here.release(backend)

    assert (first.got, second.got) == ([backend], [])
    assert (here.admission.queued, backend.outstanding) == (1, 2)


def test_the_urgent_go_before_those_who_came_earlier() -> None:
    here = lab("m")
    (backend,) = here.routing.backends
    batch, standard, interactive = (
        here.wait(priority=priority) for priority in (BATCH, STANDARD, INTERACTIVE)
    )

    here.release(backend)
    here.release(backend)

    assert (interactive.got, standard.got, batch.got) == ([backend], [backend], [])


def test_a_place_goes_only_to_a_request_that_its_backend_serves() -> None:
    here = lab("a", "b")
    for_b, for_a = here.wait("b"), here.wait("a")

    here.release(here.routing.backends[0])

    assert (for_a.got, for_b.got) == ([here.routing.backends[0]], [])


def test_who_left_gets_no_place() -> None:
    here = lab("m")
    (backend,) = here.routing.backends
    gone, there = here.wait(), here.wait()

    here.admission.leave(gone)
    here.admission.leave(gone)
    here.release(backend)

    assert (gone.got, gone.ended, there.got) == ([], 0, [backend])
    assert here.admission.queued == 0


def test_a_full_queue_refuses_and_says_when_to_come_back(clock: list[float]) -> None:
    here = lab("m", queue_length=4)
    (backend,) = here.routing.backends
    for _ in range(4):
        here.wait()
    for _ in range(3):
        clock[0] += 5
        here.release(backend)
        here.wait()

    with pytest.raises(Overloaded) as told:
        here.wait()

    assert (told.value.status, told.value.code) == (503, "overloaded")
    assert 4 < told.value.seconds < 20


def test_a_queue_of_length_zero_lets_nobody_wait() -> None:
    here = lab("m", queue_length=0)

    with pytest.raises(Overloaded):
        here.wait()


def test_in_a_full_queue_an_urgent_request_takes_the_latest_less_urgent_place() -> None:
    here = lab("m", queue_length=3)
    batch = [here.wait(priority=BATCH) for _ in range(2)]
    standard = here.wait()

    here.wait(priority=INTERACTIVE)

    assert [one.ended for one in (*batch, standard)] == [0, 1, 0]
    assert here.admission.queued == 3
    assert isinstance(here.admission.refusal(batch[1]), Overloaded)
    here.wait(priority=STANDARD)
    with pytest.raises(Overloaded):
        here.wait(priority=BATCH)


def test_who_waited_too_long_is_ended_and_the_others_wait_on() -> None:
    here = lab("m", queue_seconds=30)
    old, young = here.wait(now=NOW), here.wait(now=NOW + 1)

    here.admission.expire(NOW + 29.9)
    assert (old.ended, young.ended) == (0, 0)
    here.admission.expire(NOW + 30)

    assert (old.ended, young.ended, here.admission.queued) == (1, 0, 1)


def test_a_backend_that_comes_back_takes_from_the_queue_at_once() -> None:
    here = lab("m", "m")
    away, busy = here.routing.backends
    away.found("down")
    away.outstanding = 0
    waiters = [here.wait() for _ in range(3)]

    away.found("up")

    assert [one.got for one in waiters] == [[away], [away], []]
    assert busy.outstanding == 2


def test_when_the_last_backend_goes_its_waiters_are_told_why() -> None:
    here = lab("a", "b")
    for_a, for_b = here.wait("a"), here.wait("b")

    here.routing.backends[0].found("down")

    assert (for_a.ended, for_b.ended) == (1, 0)
    refusal = here.admission.refusal(for_a)
    assert type(refusal) is BackendUnavailable


def test_an_ejected_backend_takes_nothing_from_the_queue_and_one_when_it_is_half_open(
    clock: list[float],
) -> None:
    here = lab("m", "m")
    bad, _ = here.routing.backends
    waiters = [here.wait() for _ in range(3)]
    for _ in range(EJECT_AFTER):
        bad.failed(NOW)

    here.release(bad)
    assert [one.got for one in waiters] == [[], [], []]
    clock[0] += 10
    here.release(bad)

    assert [one.got for one in waiters] == [[bad], [], []]
    bad.succeeded()
    here.release(bad)
    assert [one.got for one in waiters] == [[bad], [bad], [bad]]
