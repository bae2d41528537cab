"""How far a host is that hands its clients over, and what the agent makes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from host.agent import activity
from host.drain.draining import Draining
from host.drain.order import Drain
from host.probes.api_key import ApiKey
from host.probes.chain import Chain
from host_scripts.endpoint import Endpoint, stop
from host_scripts.sandbox import API_KEY

AT = 1_000.0
ORDER = Drain(AT, 30)


class Lab:
    def __init__(self) -> None:
        self.order: Drain | None = ORDER
        self.is_idle, self.now, self.asked = False, AT, 0
        self.draining = Draining(lambda: self.order, self._is_idle, lambda: self.now)

    def looks(self, *idle: bool) -> list[str | None]:
        seen = []
        for self.is_idle in idle:
            seen.append(self.draining.look())
        return seen

    def _is_idle(self) -> bool:
        self.asked += 1
        return self.is_idle


def keyed() -> ApiKey:
    class Ssm:
        def get_parameter(self, **_: object) -> object:
            return {"Parameter": {"Value": API_KEY}}

    return ApiKey(Ssm(), "/lamplighter/demo/api-key", lambda: 0.0)


@pytest.fixture
def lab() -> Lab:
    return Lab()


def test_without_an_order_nothing_is_asked(lab: Lab) -> None:
    lab.order = None

    assert lab.looks(True, True) == [None, None]
    assert (lab.draining.refuses, lab.asked) == (False, 0)


def test_until_new_requests_are_refused_an_idle_host_is_not_drained(lab: Lab) -> None:
    lab.now = AT - 0.1

    assert lab.looks(True, True, True) == ["draining"] * 3
    assert (lab.draining.refuses, lab.asked) == (False, 0)


def test_it_is_drained_when_nothing_ran_twice_in_a_row(lab: Lab) -> None:
    seen = lab.looks(False, True, False, True, True)

    assert seen == ["draining"] * 4 + ["drained"]
    assert lab.draining.refuses


def test_what_is_drained_stays_so(lab: Lab) -> None:
    assert lab.looks(True, True, False) == ["draining", "drained", "drained"]


def test_an_order_that_is_withdrawn_or_put_off_begins_anew(lab: Lab) -> None:
    lab.looks(True, True)

    lab.order = replace(ORDER, refuse_from=AT + 60)
    put_off = lab.looks(True)
    lab.order = None
    withdrawn = lab.looks(True)
    lab.order = ORDER

    assert (put_off, withdrawn, lab.looks(True)) == (["draining"], [None], ["draining"])


@pytest.mark.parametrize(
    ("status", "answer", "over"),
    [
        (503, {"status": "draining", "in_flight": 0}, True),
        (503, {"status": "stopping", "in_flight": 0}, True),
        (503, {"status": "draining", "in_flight": 1}, False),
        (200, {"status": "ready", "in_flight": 0}, False),  # it has not read the order yet
        (503, {"status": "draining"}, False),
        (503, "<html>", False),
        (503, [], False),
    ],
)
def test_it_is_over_when_the_gateway_refuses_and_has_nothing_in_flight(
    status: int, answer: object, *, over: bool
) -> None:
    endpoint = Endpoint({"/health/ready": (status, answer)})
    server = endpoint.start()

    assert activity.is_over(Chain("m", None, endpoint.url, None), keyed()) is over

    stop(server)


def test_a_dead_gateway_runs_nothing_and_a_slow_one_may(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = Endpoint(delays={"/health/ready": 1.0})
    server = endpoint.start()
    chain = Chain("m", None, endpoint.url, None)
    monkeypatch.setattr(activity, "_SECONDS", 0.05)

    slow = activity.is_over(chain, keyed())
    stop(server)

    assert (slow, activity.is_over(chain, keyed())) == (False, True)
