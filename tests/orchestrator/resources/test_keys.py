"""The API keys in SSM: the first one, its hash, and what the operator adds."""

from __future__ import annotations

import hashlib
import json
import re

import pytest
from awssim import error
from gateway.access import keys_file
from orchestrator.aws import naming
from orchestrator.deployments import inventory
from orchestrator.errors import Pending, ResourceConflict, ResourcesLeft
from orchestrator.resources import keys

SECRET, HASHED = "/lamplighter/demo/api-key", "/lamplighter/demo/keys/default"


@pytest.fixture
def started(workflow, account):
    with account.uncounted():
        workflow.start()
    return workflow


def put(workflow, name, value="[]", owner="demo", kind="String"):
    facts = {naming.INSTALLATION: workflow.installation, naming.OWNER: owner} if owner else {}
    tags = [{"Key": key, "Value": value} for key, value in facts.items()]
    workflow.clients.ssm.put_parameter(Name=name, Value=value, Type=kind, Tags=tags)


def value(workflow, name):
    found = workflow.clients.ssm.get_parameter(Name=name, WithDecryption=True)
    return found["Parameter"]["Value"]


def test_the_first_key_tells_its_id_and_holds_256_bits(started):
    started.ensure(keys)

    assert re.fullmatch(r"sk-default-[A-Za-z0-9]{43}", value(started, SECRET))


def test_its_entry_holds_a_salted_hash_of_it_and_no_limit(started):
    started.ensure(keys)

    [entry] = json.loads(value(started, HASHED))
    salted = bytes.fromhex(entry.pop("salt")) + value(started, SECRET).encode()
    assert entry == {
        "id": "default",
        "sha256": hashlib.sha256(salted).hexdigest(),
        "not_before": None,
        "expires": None,
        "models": None,
        "priority": "standard",
        "requests_per_minute": None,
        "tokens_per_minute": None,
        "concurrency": None,
        "tokens_per_day": None,
    }


def test_the_gateway_takes_what_ssm_holds(started, tmp_path):
    started.ensure(keys)
    file = tmp_path / "keys"
    file.write_text(f'{{"keys": {value(started, HASHED)}}}')

    [entry] = keys_file.read(file)

    assert (entry.caller.id, entry.foreign) == ("default", False)


def test_the_salt_is_random_and_made_once(started):
    started.ensure(keys)
    first = value(started, HASHED)
    started.ensure(keys)

    assert value(started, HASHED) == first
    assert keys.entry("default", "k")["salt"] != keys.entry("default", "k")["salt"]


def test_a_key_of_an_older_version_is_kept_and_marked_as_one_that_tells_no_id(started):
    put(started, SECRET, "sk-older_key-of-another-form", kind="SecureString")

    started.ensure(keys)

    assert value(started, SECRET) == "sk-older_key-of-another-form"
    assert json.loads(value(started, HASHED))[0]["foreign"] is True


def test_what_the_operator_rotated_stays(started):
    started.ensure(keys)
    started.clients.ssm.put_parameter(Name=HASHED, Value='["rotated"]', Overwrite=True)

    started.ensure(keys)

    assert value(started, HASHED) == '["rotated"]'


def test_a_hash_that_was_deleted_is_made_again(started):
    started.ensure(keys)
    started.clients.ssm.delete_parameter(Name=HASHED)

    started.ensure(keys)

    assert json.loads(value(started, HASHED))[0]["id"] == "default"


def test_a_key_that_cannot_be_read_yet_is_waited_for(started, account):
    started.ensure(keys)
    started.clients.ssm.delete_parameter(Name=HASHED)
    account.fault(operation="GetParameter", error=error("ParameterNotFound", "not yet"))

    with pytest.raises(Pending, match="cannot be read yet"):
        keys.ensure(started.clients, started.deployment, started.ledger)


def test_a_foreign_hash_is_refused_and_survives_the_teardown(started):
    put(started, HASHED, owner=None)

    with pytest.raises(ResourceConflict, match=r"keys/default.*not ours"):
        started.ensure(keys)
    started.destroy(keys)

    assert started.account.inventory()["parameters"] == [HASHED]


def test_destroy_deletes_the_certificate_and_account_that_the_host_stored(started):
    started.ensure(keys)
    stored = [f"{naming.tls_path('demo')}/{name}" for name in ("certificate", "account")]
    for name in stored:
        put(started, name, kind="SecureString")
    put(started, "/lamplighter/demo2/tls/account", owner="demo2")

    started.destroy(keys)

    left = started.clients.ssm.describe_parameters()["Parameters"]
    assert [found["Name"] for found in left] == ["/lamplighter/demo2/tls/account"]


def test_destroy_deletes_every_key_of_ours_and_none_of_others(started, account):
    started.ensure(keys)
    for number in range(60):  # more than a page
        put(started, f"/lamplighter/demo/keys/key-{number}")
    others = {
        "/lamplighter/demo/keys/foreign": None,
        "/lamplighter/demo/hf-token": None,
        "/lamplighter/demo2/keys/alice": "demo2",
    }
    for name, owner in others.items():
        put(started, name, owner=owner)

    started.destroy(keys)

    assert account.inventory()["parameters"] == sorted(others)


def test_the_inventory_counts_each_key_and_the_plan_shows_it(started):
    started.ensure(keys)
    put(started, "/lamplighter/demo/keys/alice")

    planned = started.run(keys.plan, keys)

    assert [(change.action, change.what) for change in planned] == [
        ("keep", f"SSM SecureString {SECRET}"),
        ("keep", f"SSM parameter {HASHED}"),
        ("keep", "SSM parameter /lamplighter/demo/keys/alice"),
    ]
    with pytest.raises(ResourcesLeft, match=r"^3 resources left: .*keys/alice"):
        started.clear(inventory.check)
