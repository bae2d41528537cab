"""The errors of a change's new host, judged by its own counts since traffic was led to it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from orchestrator.hosts import error_rate, successor
from orchestrator.ledger.rows import HostRow, Role
from orchestrator.spec.parsing import parse

HOST = HostRow(generation=2, instance_id="i-2", requests_before=10, errors_before=10)


def deployment(**canary):
    return parse({"name": "demo", "model": "m", "canary": canary})


@pytest.mark.parametrize(
    ("canary", "requests", "errors", "fails"),
    [
        ({}, 110, 31, True),  # 21 of 100
        ({}, 110, 30, False),  # 20 % is allowed
        ({}, 30, 15, True),  # 5 of 20
        ({}, 29, 29, False),  # 19 are too few
        ({}, 110, 10, False),
        ({}, 110, None, False),
        ({}, 10, 10, False),
        ({}, None, None, False),
        ({"max_error_percent": 0}, 1010, 11, True),
        ({"max_error_percent": 0.5}, 1010, 15, False),
        ({"max_error_percent": 0.5}, 1010, 16, True),
        ({"max_error_percent": 100}, 110, 110, False),
        ({"max_error_percent": None}, 110, 110, False),
    ],
)
def test_the_share_of_its_failures_since_then_decides(canary, requests, errors, fails):
    host = replace(HOST, requests=requests, errors=errors)

    assert (error_rate.exceeded(deployment(**canary), host) is not None) is fails


def test_the_sentence_has_the_figures():
    said = error_rate.exceeded(deployment(), replace(HOST, requests=50, errors=38))

    assert said == (
        "i-2 failed 28 of 40 requests (70 %) since traffic was led to it; "
        "canary.max_error_percent is 20"
    )


def test_where_there_is_no_engine_nothing_is_judged():
    bare = parse({"name": "demo", "model": "m", "instance": {"gpu": False}})

    assert error_rate.exceeded(bare, replace(HOST, requests=110, errors=110)) is None


def test_a_gateway_that_started_again_counts_from_zero():
    host = replace(HOST, requests_before=500, errors_before=0, requests=40, errors=30)

    assert "30 of 40 requests" in (error_rate.exceeded(deployment(), host) or "")


def test_a_host_of_no_change_is_not_judged():
    host = replace(HOST, requests_before=None, errors_before=None, requests=100, errors=100)

    assert not error_rate.is_judged(host)
    assert error_rate.exceeded(deployment(), host) is None
    assert error_rate.before(host) == {"requests_before": 100, "errors_before": 100}
    assert error_rate.before(HOST) == {"requests_before": 0, "errors_before": 0}


@pytest.mark.parametrize(("serves", "drains", "fails"), [(2, 1, True), (1, 2, False)])
def test_only_while_one_drains_that_served_before_it(pair, serves, drains, fails):
    """An older host that was taken back, while the newer one drains, has nothing to return to."""
    counted = {"requests_before": 0, "errors_before": 0, "requests": 40, "errors": 40}
    heard = {"phase": "serving", "phase_at": pair.ledger.time()}
    pair.ledger.set_host(serves, role=Role.SERVING, **counted, **heard)
    pair.ledger.set_host(drains, role=Role.DRAINING)

    found = successor.fault(pair.clients, pair.deployment, pair.ledger)

    assert ("failed 40 of 40 requests" in str(found)) is fails
    assert (found is None) is not fails
