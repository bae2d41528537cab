"""Each key of a specification, and how a difference of it is made on what serves."""

from __future__ import annotations

from dataclasses import fields

import pytest
from orchestrator.launch import rendering
from orchestrator.spec.deployment import Deployment
from orchestrator.spec.difference import HOWS, How, differences, digest, until_promoted
from orchestrator.spec.parsing import parse
from orchestrator.spec.schema.fields import nested_class

SPEC = {"name": "demo", "model": "m", "dns": {"domain": "example.com"}}
IN_PLACE = {
    "on_failure": "keep",
    "tags": {"team": "ml"},
    "dns": {"domain": "example.com", "ttl_seconds": 120},
    "network": {"allowed_cidrs": ["203.0.113.0/24"]},
    "instance": {"wait_minutes": 5, "repair_wait_hours": 1},
    "gateway": {
        "aliases": {"gpt-4o": "m"},
        "fallbacks": [{"url": "https://llm.example.com/v1", "key_parameter": "/inference/key"}],
        "key_limits": {"concurrency": 20},
        "jwt": {"issuer": "https://login.example.com/", "audience": "llm"},
        "filters": [{"name": "office-only", "allow": ["203.0.113.0/24"]}],
        "cors_origins": ["https://chat.example.com"],
        "allow_fields": ["chat_template"],
        "media_hosts": ["images.example.com"],
        "cache_salt": True,
        "heartbeats": True,
        "keepalive_seconds": 10,
        "wait_seconds": 60,
        "queue_length": 10,
        "queue_seconds": 10,
        "max_output_tokens": 100,
        "max_choices": 1,
        "max_prompts": 1,
        "reserve_tokens": 100,
        "count_usage": False,
    },
    "expires_after": "2d",
    "budget": {"monthly_usd": 500, "at_limit": "stop"},
    "sleep": {"after_idle_minutes": 30, "by_name": False},
    "canary": {"prompts": [{"prompt": "Hello"}], "max_error_percent": 5},
    "schedule": {"time_zone": "UTC", "on": [{"start": "08:00", "stop": "20:00"}]},
    "rotation": {
        "every_days": 30,
        "time_zone": "UTC",
        "on": [{"start": "03:00", "stop": "05:00"}],
    },
}
REPLACE = {"update": {"strategy": "replace"}}  # fits no rotation


def keys():
    """Return the path of every key of a specification."""
    found = []
    for field in fields(Deployment):
        section = nested_class(Deployment, field.name)
        names = [f"{field.name}.{inner.name}" for inner in fields(section)] if section else []
        found += names or [field.name]
    return found


def document(**changes):
    return parse({**SPEC, **changes}).document()


def found(**changes):
    return {each.key: each.how for each in differences(document(), document(**changes))}


def test_every_key_is_classified_and_no_other():
    assert set(HOWS) == set(keys())


@pytest.mark.parametrize("key", HOWS)
def test_every_key_says_why(key):
    how, why = HOWS[key]

    assert len(why.split()) > 3
    assert how is not How.REFUSED or "a second deployment under another name" in why


def test_a_difference_has_its_key_both_values_and_how_it_is_made():
    [found] = differences(document(), document(model="other"))

    assert found.document() == {
        "key": "model", "old": "m", "new": "other", "how": "new generation",
        "why": "the engine starts with it",
    }  # fmt: skip


def test_the_same_specification_has_no_differences():
    assert differences(document(), document()) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"instance": {"type": "g6.2xlarge"}}, {"instance.type": How.NEW_GENERATION}),
        ({"engine": {"arguments": ["--seed", "1"]}}, {"engine.arguments": How.NEW_GENERATION}),
        ({"network": {"cidr": "10.9.0.0/16"}}, {"network.cidr": How.REFUSED}),
        ({"dns": {}}, {"dns.domain": How.REFUSED}),
        (
            {"tags": {"team": "ml"}, "budget": {"monthly_usd": 5}},
            {"tags": How.IN_PLACE, "budget.monthly_usd": How.IN_PLACE},
        ),
    ],
)
def test_a_difference_is_classified_by_its_key(changes, expected):
    assert found(**changes) == expected


def test_a_key_of_another_version_needs_a_new_generation():
    old = document()
    old["engine"]["moonbeam"] = 1

    assert [(each.key, each.how) for each in differences(old, document())] == [
        ("engine.moonbeam", How.NEW_GENERATION)
    ]


def test_a_section_that_an_earlier_version_lacked_is_compared():
    old = document()
    del old["canary"]

    assert {each.key for each in differences(old, document())} == {
        "canary.prompts", "canary.max_error_percent",
    }  # fmt: skip


def test_until_its_host_serves_a_change_leaves_what_hosts_share():
    wanted = document(model="other", **IN_PLACE)

    staged = until_promoted(document(), wanted)

    assert staged["network"]["allowed_cidrs"] == ["0.0.0.0/0"]
    assert (staged["model"], staged["budget"]) == ("other", IN_PLACE["budget"])
    assert wanted["network"]["allowed_cidrs"] == ["203.0.113.0/24"]


def test_what_is_changed_in_place_reaches_no_host(workflow):
    """Neither its files nor what it was launched for."""
    clients = workflow.clients
    payload, settings = clients.settings.payload, clients.settings
    hosts = [
        rendering.render(payload, parse({**SPEC, **changes}), settings, "image")
        for changes in ({}, IN_PLACE, REPLACE)
    ]
    changed = found(**IN_PLACE) | found(**REPLACE)

    assert {key for key, how in changed.items() if how is not How.IN_PLACE} == set()
    assert {key for key, (how, _) in HOWS.items() if how is How.IN_PLACE} == set(changed)
    assert hosts[0] == hosts[1] == hosts[2]
    assert digest(document()) == digest(document(**IN_PLACE)) == digest(document(**REPLACE))


def test_another_host_has_another_digest():
    digests = {digest(document(**each)) for each in ({}, {"model": "n"}, {"email": "a@b.io"})}

    assert len(digests) == 3
