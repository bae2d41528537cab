"""What an earlier version wrote is read, shown, repaired and torn down by this one."""

from __future__ import annotations

from datetime import datetime

import pytest

SPEC = {"name": "removed", "model": "m"}
EXISTING = ["serving", "repaired", "kept", "waiting", "repairing"]
SHOWN = {
    "serving": ("serving", "present", 1, "serving"),
    "repaired": ("serving", "present", 2, "serving"),
    "kept": ("failed", "present", 1, "failed"),
    "waiting": ("provisioning", "present", 1, "loading"),
    "removed": ("absent", "absent", 1, ""),
    "repairing": ("repairing", "present", 2, "loading"),
}


@pytest.fixture
def loaded(earlier, ledger):
    """The operator's installation, with the rows of every deployment."""
    for name in SHOWN:
        for row in earlier(name).rows:
            ledger.put_item(Item=row)


def the(rows):
    [row] = rows
    return row


def deployment(world, name):
    return the([row for row in world.rows(name) if row["sk"] == "deployment"])


def tokens(world):
    """Every ClientToken that was sent in this world."""
    sent = [call.parameters for call in world.account.calls]
    return {p[k] for p in sent for k in ("ClientToken", "idempotencyToken") if k in p}


@pytest.mark.usefixtures("loaded")
def test_status_lists_the_deployments_in_a_line_each(asked, lamplighter):
    listed = {
        one["name"]: (one["status"], one["desired"], one["generation"], one["phase"])
        for one in asked("status", "--all")["deployments"]
    }
    lines = lamplighter("status").stdout.splitlines()

    assert listed == SHOWN
    assert [line.split()[:2] for line in lines[1:]] == sorted(
        [name, SHOWN[name][0]] for name in EXISTING
    )


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("name", SHOWN)
def test_status_of_one_has_its_facts(name, earlier, asked, lamplighter):
    written = the(earlier(name).of_kind("deployment"))

    shown = asked("status", name)
    drawn = " ".join(lamplighter("status", name).stdout.split())

    for fact in ("instance_id", "endpoint", "address", "served_at", "reason", "phase_cause"):
        assert shown[fact] == written.get(fact, "")
    for fact in ("instance_id", "endpoint", "status"):
        assert written.get(fact, "") in drawn


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(("name", "outcome"), [("repaired", "repaired"), ("repairing", "")])
def test_status_of_one_has_its_incident(name, outcome, earlier, asked):
    written = the(earlier(name).of_kind("incident"))

    shown = the(asked("status", name)["incidents"])

    assert shown["outcome"] == outcome
    assert bool(shown["closed_at"]) == bool(outcome)
    for fact in ("opened_at", "closed_at", "trigger", "instance_id", "replaced_by"):
        assert shown[fact] == written.get(fact, "")


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("name", SHOWN)
def test_events_are_all_shown_in_their_order(name, earlier, asked, lamplighter):
    written = sorted(
        (row["at"], row["what"], row["text"], row.get("instance_id", ""))
        for row in earlier(name).of_kind("event")
    )

    entries = asked("events", name)["events"]

    shown = [(one["at"], one["what"], one["text"], one["instance_id"]) for one in entries]
    assert [one for one in shown if one[1] != "incident"] == written
    times = [datetime.fromisoformat(one[0]) for one in shown]
    assert times == sorted(times)
    assert len(lamplighter("events", name).stdout.splitlines()) >= len(entries)


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(("name", "lines"), [("repaired", 2), ("repairing", 1)])
def test_events_tell_of_an_incident_when_it_opens_and_when_it_closes(name, lines, earlier, asked):
    written = the(earlier(name).of_kind("incident"))

    entries = [one for one in asked("events", name)["events"] if one["what"] == "incident"]

    assert [one["text"].partition(":")[0] for one in entries] == ["opened", "closed"][:lines]
    assert written["trigger"] in entries[0]["text"]
    assert all(written.get("replaced_by", "") in one["text"] for one in entries[1:])


@pytest.mark.parametrize("name", EXISTING)
def test_down_leaves_nothing_but_the_tombstone(name, world_of):
    with world_of(name) as world:
        assert world.inventory() != {}
        generation = deployment(world, name)["generation"]

        assert world.down(name) == {"name": name, "left": 0}
        world.quiet()

        assert world.inventory() == {}
        tombstone = deployment(world, name)
        assert (tombstone["status"], tombstone["desired"]) == ("absent", "absent")
        assert tombstone["latest_generation"] == generation
        kinds = {row["sk"].partition("#")[0] for row in world.rows(name)}
        assert kinds <= {"deployment", "event", "incident"}
        assert world.events.dead_letters == []


def test_up_after_an_earlier_teardown_is_a_new_generation(world_of, earlier):
    with world_of("removed") as world:
        first = world.up(**SPEC)
        world.quiet()

        assert first["generation"] == 2
        assert world.serving(first["endpoint"]) == first["instance_id"]
        assert tokens(world) & set(earlier("removed").tokens) == set()
        assert tokens(world)


def test_a_host_of_the_earlier_version_that_is_lost_is_replaced(world_of):
    name = "serving"
    with world_of(name) as world:
        before = deployment(world, name)
        assert world.serving(before["endpoint"]) == before["instance_id"]

        world.terminate(before["instance_id"])
        world.until(lambda: world.serving(before["endpoint"]) not in {None, before["instance_id"]})
        world.quiet()

        now = deployment(world, name)
        assert world.instances() == [world.serving(before["endpoint"])]
        assert (now["status"], now["endpoint"]) == ("serving", before["endpoint"])
        assert int(now["generation"]) == int(before["generation"]) + 1
