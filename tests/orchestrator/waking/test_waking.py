"""Who may wake what, how often it is started, and what each request is answered."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from orchestrator.deployments import stopping
from orchestrator.ledger.rows import DEPLOYMENT, Desired
from orchestrator.resources import keys
from orchestrator.waking.requests import LARGEST_BODY

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"
PAST, FUTURE = "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"


def write(waker, **facts):
    waker.workflow.ledger.change(DEPLOYMENT, facts, "attribute_exists(pk)")


def test_a_request_with_a_key_starts_it_and_is_given_the_seconds(waker):
    write(waker, start_seconds="[150, 140, 170]")

    answer = waker.ask(waker.key())

    assert (answer["status"], answer["code"], answer["type"]) == (503, "asleep", "server_error")
    assert answer["headers"]["retry-after"] == "60"
    assert answer["headers"]["x-lamplighter-eta-seconds"] == "150"
    assert answer["eta_seconds"] == 150
    assert answer["message"] == (
        "demo slept, and was woken; try again in 150 seconds. OpenAI's clients do: max_retries=5."
    )
    [started] = waker.started
    assert started["name"] == "start-demo-wake-1-1"
    by = "a request with the key 'default'"
    assert json.loads(started["input"]) == {"name": "demo", "only_asleep": True, "asked_by": by}


def test_fifty_askers_in_two_sandboxes_name_one_execution(waker):
    other = type(waker)(waker.workflow)

    for _ in range(25):
        waker.ask(waker.key())
        other.ask("", headers={"x-api-key": waker.key()})

    assert {each["name"] for each in waker.started} == {"start-demo-wake-1-1"}


@pytest.mark.parametrize(
    ("key", "status", "code"),
    [
        ("", 401, "invalid_api_key"),
        ("sk-default-" + "A" * 43, 401, "invalid_api_key"),
        ("sk-default-", 401, "invalid_api_key"),
        ("x" * 100_000, 401, "invalid_api_key"),
        ("sk-\udce4\x00\n", 401, "invalid_api_key"),
        (TOKEN, 503, "asleep"),
    ],
)
def test_who_has_no_key_starts_nothing(waker, key, status, code):
    answer = waker.ask(key)

    assert (answer["status"], answer["code"]) == (status, code)
    assert answer["headers"]["x-should-retry"] == "false"
    assert waker.started == []


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 503),
        ({"expires": FUTURE, "not_before": PAST}, 503),
        ({"expires": PAST}, 401),
        ({"not_before": FUTURE}, 401),
        ({"expires": "tomorrow"}, 401),
        ({"expires": "2999-01-01T00:00:00"}, 401),
        ({"salt": "odd"}, 401),
        ({"sha256": None}, 401),
        ({"id": "bob"}, 401),
    ],
)
def test_a_key_wakes_while_its_entry_is_valid(waker, change, status):
    key = "sk-alice-" + "a" * 43
    waker.put("alice", {**keys.entry("alice", key), "foreign": False, **change})

    assert waker.ask(key)["status"] == status
    assert len(waker.started) == (status == 503)


def test_a_foreign_key_wakes_and_a_damaged_parameter_keeps_no_one_out(waker):
    waker.put("old", {**keys.entry("old", "my-own-secret"), "foreign": True}, "no entry", None)
    waker.workflow.account.client("ssm").put_parameter(
        Name="/lamplighter/demo/keys/broken", Type="String", Value="{"
    )

    assert waker.ask("my-own-secret")["status"] == 503
    assert len(waker.started) == 1


def test_a_revoked_key_wakes_nothing_half_a_minute_later(waker):
    key = waker.key()
    waker.ask(key)
    waker.workflow.account.client("ssm").delete_parameter(Name="/lamplighter/demo/keys/default")
    waker.workflow.account.clock.advance(31)

    assert waker.ask(key)["status"] == 401


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/demo/v1/completions", "POST", 503),
        ("/demo/v1/chat/completions", "GET", 405),
        ("/demo/v1/models", "POST", 405),
        ("/demo/health", "GET", 404),
        ("/demo/v1/chat/completions/", "POST", 404),
        ("/demo/../demo/v1/completions", "POST", 404),
        ("/demo/v1/%63ompletions", "POST", 404),
        ("//v1/completions", "POST", 404),
        ("/v1/completions", "POST", 404),
        ("/DEMO/v1/completions", "POST", 404),
        ("/demo\n/v1/completions", "POST", 404),
        ("/", "GET", 404),
        ("", "POST", 404),
    ],
)
def test_only_a_deployments_inference_paths_are_there(waker, path, method, status):
    answer = waker.ask(waker.key(), path, http={"method": method})

    assert answer["status"] == status
    assert len(waker.started) == (status == 503)


def test_another_deployments_name_is_like_a_wrong_key_and_costs_no_call_of_ssm(waker):
    key = waker.key()
    before = len(waker.workflow.account.calls)
    answer = waker.ask(key, "/other/v1/completions")

    assert (answer["status"], answer["code"]) == (401, "invalid_api_key")
    called = [each.operation for each in waker.workflow.account.calls[before:]]
    assert called == ["GetItem"]


def test_a_list_of_models_wakes_nothing(waker):
    answer = waker.ask(waker.key(), "/demo/v1/models", http={"method": "GET"})

    assert (answer["status"], answer["headers"]["x-should-retry"]) == (503, "false")
    assert waker.started == []


@pytest.mark.parametrize("event", [None, "text", [], {}, {"requestContext": "x", "headers": 7}])
def test_an_event_of_another_form_is_answered(waker, event):
    assert waker.send(event)["status"] == 404


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-length": str(LARGEST_BODY + 1)}, ""),
        ({"content-length": "-1"}, ""),
        ({"content-length": "9" * 5000}, ""),
        ({}, "x" * (LARGEST_BODY + 1)),
    ],
)
def test_a_body_that_aws_would_not_take_is_refused(waker, headers, body):
    answer = waker.ask(waker.key(), headers=headers, body=body)

    assert (answer["status"], answer["code"]) == (413, "request_too_large")
    assert waker.started == []


@pytest.mark.parametrize(
    ("ranges", "source", "status"),
    [
        (["203.0.113.0/24"], "203.0.113.9", 503),
        (["203.0.113.0/24"], "192.0.2.7", 403),
        (["203.0.113.0/24"], "2001:db8::1", 403),
        (["203.0.113.0/24"], "", 403),
        (["0.0.0.0/0"], "2001:db8::1", 503),
    ],
)
def test_whom_the_firewall_shuts_out_the_waker_shuts_out(waker, ranges, source, status):
    spec = json.loads(waker.workflow.ledger.deployment().spec)
    write(waker, spec=json.dumps({**spec, "network": {"allowed_cidrs": ranges}}))

    assert waker.ask(waker.key(), http={"sourceIp": source})["status"] == status
    assert len(waker.started) == (status == 503)


@pytest.mark.parametrize(
    ("facts", "status", "code"),
    [
        ({"desired": "stopped", "status": "stopped"}, 503, "stopped"),
        ({"desired": "asleep", "status": "stopping"}, 503, "asleep"),
        ({"desired": "present", "status": "starting"}, 503, "starting"),
        ({"desired": "present", "status": "repairing"}, 503, "starting"),
        ({"desired": "present", "status": "serving"}, 421, "awake"),
        ({"desired": "absent", "status": "tearing-down"}, 404, "not_found"),
    ],
)
def test_only_what_sleeps_is_started(waker, facts, status, code):
    write(waker, **facts)

    answer = waker.ask(waker.key())

    assert (answer["status"], answer["code"]) == (status, code)
    assert waker.started == []


def test_while_it_starts_the_seconds_that_are_left_are_given(waker):
    stopping.begin_start(waker.workflow.ledger)
    write(waker, start_seconds="[200]")
    waker.workflow.account.clock.advance(50)

    left = int(waker.ask(waker.key())["headers"]["x-lamplighter-eta-seconds"])

    assert 145 <= left <= 150


def test_after_a_start_that_failed_it_is_started_again_ten_minutes_later(waker):
    ledger = waker.workflow.ledger
    stopping.begin_start(ledger)
    stopping.abandon_start(ledger)
    ledger.record(status="asleep", reason="HostFailed: CUDA error")

    early = waker.ask(waker.key())
    assert "its last start failed" in early["message"]
    assert "CUDA" not in early["message"]
    assert waker.started == []
    waker.workflow.account.clock.advance(600)
    waker.ask(waker.key())

    assert [each["name"] for each in waker.started] == ["start-demo-wake-1-2"]


def test_a_start_by_a_request_does_nothing_to_what_was_stopped_meanwhile(waker):
    ledger = waker.workflow.ledger
    stopping.request_stop(ledger)

    assert stopping.begin_start(ledger, only_asleep=True)["todo"] == "nothing"
    assert ledger.deployment().desired == Desired.STOPPED
    assert stopping.begin_start(ledger)["todo"] == "start"


def test_an_address_that_tries_keys_is_slowed_down_and_others_are_not(waker):
    statuses = [waker.ask(f"sk-default-{number}")["status"] for number in range(12)]

    assert statuses == [401] * 10 + [429] * 2
    assert waker.ask(waker.key(), http={"sourceIp": "192.0.2.8"})["status"] == 503
    waker.workflow.account.clock.advance(60)
    assert waker.ask("sk-default-x")["status"] == 401


def test_a_flood_is_refused_before_anything_is_read(waker):
    key = waker.key()
    before = len(waker.workflow.account.calls)
    statuses = [waker.ask(key, "/nothing")["status"] for _ in range(601)]

    assert statuses == [404] * 600 + [429]
    assert len(waker.workflow.account.calls) == before


def test_neither_a_key_nor_a_hash_is_in_a_text(waker, capsys):
    key = waker.key()
    answer = waker.ask(key)
    [entry] = next(iter(waker.memory.known.entries.values()))[1]

    for text in (str(answer), repr(waker.memory), capsys.readouterr().out):
        assert key not in text
        assert entry["sha256"] not in text
        assert entry["salt"] not in text


def test_the_times_of_an_entry_are_compared_in_every_zone(waker):
    key, now = "sk-alice-" + "a" * 43, waker.workflow.account.clock.now()
    ends = datetime.fromtimestamp(now.timestamp() + 3600, UTC).isoformat()
    waker.put("alice", {**keys.entry("alice", key), "expires": ends})

    assert waker.ask(key)["status"] == 503
