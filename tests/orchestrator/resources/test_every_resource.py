"""What each resource promises alike; what only one promises stands in its own file."""

from __future__ import annotations

import io
import zipfile

import pytest
from orchestrator.deployments.inventory import RESOURCES
from orchestrator.resources import image

ONE_BY_ONE = [pytest.param(module, id=module.__name__.rsplit(".", 1)[-1]) for module in RESOURCES]


@pytest.fixture
def prepared(provisioned_before, module):
    """Everything that comes before the module in a provision."""
    return provisioned_before(module)


@pytest.mark.parametrize("module", ONE_BY_ONE)
def test_ensure_twice_makes_one(prepared, account, module):
    first = prepared.ensure(module)
    calls, inventory = account.creating_calls(), account.inventory()

    second = prepared.ensure(module)

    assert second == first
    assert account.creating_calls() == calls
    assert account.inventory() == inventory


@pytest.mark.parametrize("module", ONE_BY_ONE)
def test_destroy_is_idempotent_and_leaves_only_what_came_before(prepared, account, module):
    inventory = account.inventory()
    prepared.ensure(module)

    prepared.destroy(module)
    prepared.destroy(module)

    assert without_contents(account.inventory()) == without_contents(inventory)


def without_contents(inventory):
    """An image and objects go with their repository and bucket."""
    return {kind: ids for kind, ids in inventory.items() if kind not in {"images", "objects"}}


@pytest.mark.parametrize("module", ONE_BY_ONE)
def test_destroy_of_what_never_was_is_done(prepared, account, module):
    inventory = account.inventory()

    prepared.destroy(module)

    assert account.inventory() == inventory


@pytest.mark.parametrize("module", ONE_BY_ONE)
def test_plan_writes_nothing(prepared, account, module):
    with account.uncounted():
        prepared.run(module.plan, module)
    before_it, calls = account.inventory(), len(account.creating_calls())

    changes = prepared.run(module.plan, module)

    assert {change.action for change in changes} == {"create"}
    assert account.inventory() == before_it
    assert len(account.creating_calls()) == calls


@pytest.mark.parametrize("module", ONE_BY_ONE)
def test_plan_of_what_is_there_keeps_it(prepared, account, module):
    prepared.ensure(module)
    account.clock.advance(300)  # what AWS makes meanwhile, and the rest after it
    prepared.ensure(module)

    changes = prepared.run(module.plan, module)

    assert {change.action for change in changes} == {"keep"}


def test_teardown_leaves_the_neighbour_alone(workflow, neighbour, account):
    inventory = account.inventory()
    workflow.provision()

    workflow.teardown()

    assert account.inventory() == inventory


def test_a_second_provision_makes_no_creating_call(complete, account):
    complete.provision()

    assert account.creating_calls() == []


def test_teardown_leaves_nothing(workflow, account):
    workflow.provision()

    workflow.teardown()

    assert account.inventory() == {}


def test_the_gateways_source_is_readable_by_the_gateways_user(root):
    """zip's default mode of 0600 would stop the container at its first import."""
    packed = zipfile.ZipFile(io.BytesIO(image.archive(root / "proxy")))

    modes = {entry.external_attr >> 16 for entry in packed.infolist()}

    assert modes == {0o100644}
    assert {"Dockerfile", "buildspec.yml", "requirements.txt"} <= set(packed.namelist())
