"""May Amazon issue for the name? The closest name with CAA records decides; never a silent pass."""

from __future__ import annotations

import json

import pytest
from orchestrator.aws.internet import Document, Unreachable
from orchestrator.preflight import authorities
from orchestrator.spec.parsing import parse

SPEC = {"name": "demo", "model": "m", "dns": {"domain": "ai.example.com"}}
SLEEPS = {**SPEC, "sleep": {"after_idle_minutes": 30}}


def check(workflow, records, spec=SLEEPS):
    """records: those of each name, as the resolver writes them."""

    def fetch(url):
        name = url.partition("name=")[2].partition("&")[0]
        answers = [{"name": f"{name}.", "type": 257, "data": d} for d in records.get(name, [])]
        return Document(200, json.dumps({"Status": 0, "Answer": answers}).encode())

    workflow.clients.fetch = fetch
    return authorities.checks(workflow.clients, parse(spec))


@pytest.mark.parametrize(
    ("records", "result"),
    [
        ({}, "pass"),
        ({"example.com": ['0 issue "letsencrypt.org"']}, "fail"),
        ({"example.com": ['0 issue ";"']}, "fail"),
        ({"example.com": ['0 issue "letsencrypt.org"', '0 issue "amazon.com"']}, "pass"),
        ({"example.com": ['128 issue "awstrust.com; validationmethods=dns-01"']}, "pass"),
        ({"example.com": ['0 iodef "mailto:ops@example.com"']}, "pass"),
        ({"example.com": ['0 issuewild ";"']}, "pass"),
        # The closest name decides, whatever is above it.
        ({"infer.ai.example.com": ['0 issue "x.org"'], "com": ['0 issue "amazon.com"']}, "fail"),
        ({"ai.example.com": ['0 issue "amazon.com"'], "example.com": ['0 issue ";"']}, "pass"),
    ],
)
def test_the_closest_names_records_decide(workflow, records, result):
    [found] = check(workflow, records)

    assert str(found.result) == result


def test_a_failure_names_the_records_and_both_ways_out(workflow):
    [found] = check(workflow, {"example.com": ['0 issue "letsencrypt.org"']})

    assert str(found) == (
        "sleep.by_name authorities: the CAA records of example.com admit letsencrypt.org; needed: "
        'amazon.com; add the CAA record `0 issue "amazon.com"` to example.com, or set '
        "sleep.by_name to false"
    )


def test_a_resolver_that_does_not_answer_leaves_it_unknown(workflow):
    def fetch(_):
        raise Unreachable("no answer")

    workflow.clients.fetch = fetch
    [found] = authorities.checks(workflow.clients, parse(SLEEPS))

    assert str(found.result) == "unknown"


@pytest.mark.parametrize("sleep", [{}, {"after_idle_minutes": 30, "by_name": False}])
def test_what_its_name_does_not_wake_needs_no_certificate(workflow, sleep):
    assert check(workflow, {"example.com": ['0 issue ";"']}, {**SPEC, "sleep": sleep}) == []
