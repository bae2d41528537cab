"""What a client sees while hosts are replaced, asked ten times a second in virtual time."""

from __future__ import annotations

import pytest
from awssim.faults import Refusal
from simlab import World
from simulation.replacement import ADDRESS, DOMAIN, entered, quick, rows, serving, write

BY_NAME_OR_ADDRESS = pytest.mark.parametrize("spec", [DOMAIN, ADDRESS], ids=["name", "address"])

# Seconds from the end of the last request on the old host to the first answer at its address: a
# report that is delivered as an event, and one step of the workflow.
MOVING = 10


class Client:
    """Asks the endpoint ten times a second from its start on."""

    def __init__(self, world, endpoint):
        self._world, self._endpoint = world, endpoint
        self.failures, self.answered_by = [], []
        self._known, self._found = None, None
        self._ask()

    def _serving(self):
        """Who answers; where the endpoint leads is looked up again after anything has happened."""
        happened = len(self._world.account.calls), len(self._world.history.moments)
        if happened != self._known or self._found not in self._world.hosts:
            self._known, self._found = happened, self._world.serving(self._endpoint)
        elif not self._world.hosts[self._found].serves:
            return None
        return self._found

    def _ask(self):
        instance = self._serving()
        if instance is None:
            self.failures.append(self._world.clock.seconds)
        elif instance not in self.answered_by:
            self.answered_by.append(instance)
        self._world.schedule.after(0.1, self._ask)

    @property
    def gap(self):
        """The seconds from the first failure to the last one."""
        return self.failures[-1] - self.failures[0] if self.failures else 0.0


def repaired(world, **request):
    return world.run("repair", {"name": "demo", "force": True, **request})


def status(world):
    [row] = rows(world, "deployment")
    return row["status"]


def test_a_forced_repair_by_name_loses_no_request_and_moves_to_a_second_address():
    with serving(DOMAIN, seed=1) as (world, first):
        [old_address] = world.inventory()["addresses"]
        client = Client(world, first["endpoint"])
        world.boots = [quick()]

        ended = repaired(world)

        assert (ended.status, ended.result["outcome"]) == ("SUCCEEDED", "repaired")
        world.quiet()
        assert client.failures == []
        assert client.answered_by == [first["instance_id"], ended.result["instance_id"]]
        [address] = world.inventory()["addresses"]
        assert address != old_address
        assert world.instances() == [ended.result["instance_id"]]


def test_a_long_request_on_the_old_host_ends_before_that_does():
    with serving(DOMAIN, seed=2) as (world, first):
        world.boots = [quick()]
        old = world.hosts[first["instance_id"]]
        old.requests_until = world.clock.seconds + 500

        ended = repaired(world)

        assert ended.status == "SUCCEEDED"
        [end] = world.history.of("instance", state="shutting-down")
        assert end.seconds >= old.requests_until


@pytest.mark.parametrize("longest", [0, 400])
def test_without_a_name_requests_are_refused_while_the_longest_one_runs_and_seconds_more(longest):
    with serving(ADDRESS, seed=3) as (world, first):
        [address] = world.inventory()["addresses"]
        client, old = Client(world, first["endpoint"]), world.hosts[first["instance_id"]]
        world.boots = [quick()]
        execution = world.start("repair", {"name": "demo", "force": True})
        world.until(lambda: bool(world.history.of("phase", phase="draining")))
        drained_from = world.clock.seconds
        old.requests_until = drained_from + longest

        assert world.ended(execution).status == "SUCCEEDED"
        world.quiet()

        assert client.answered_by == [first["instance_id"], execution.result["instance_id"]]
        assert client.failures[0] >= drained_from
        assert client.failures[-1] >= old.requests_until - 0.1
        assert client.gap <= longest + MOVING
        assert list(world.inventory()["addresses"]) == [address]


@BY_NAME_OR_ADDRESS
@pytest.mark.parametrize(
    ("boot", "error"),
    [
        (quick(fails="loading", cause="CUDA error"), "HostFailed"),
        (quick(silent="loading"), "HostSilent"),
    ],
    ids=["fails", "silent"],
)
def test_a_forced_repair_whose_host_never_serves_changes_nothing(spec, boot, error):
    with serving(spec, seed=4, report_seconds=300) as (world, first):
        client = Client(world, first["endpoint"])
        world.boots = [boot]

        ended = repaired(world)
        world.quiet()

        assert (ended.status, ended.error) == ("FAILED", error)
        assert client.failures == []
        assert client.answered_by == [first["instance_id"]]
        assert world.instances() == [first["instance_id"]]
        assert status(world) == "serving"


def test_without_a_second_address_the_predecessor_drains_first():
    with serving(DOMAIN, seed=5) as (world, first):
        [address] = world.inventory()["addresses"]
        client = Client(world, first["endpoint"])
        world.boots = [quick()]
        limit = Refusal("AddressLimitExceeded")
        world.account.fault(operation="AllocateAddress", error=limit, times=None)

        ended = repaired(world)
        world.quiet()

        assert ended.status == "SUCCEEDED"
        assert 0 < client.gap <= MOVING
        assert list(world.inventory()["addresses"]) == [address]
        assert world.serving(first["endpoint"]) == ended.result["instance_id"]


def test_a_dead_predecessor_gives_its_address_away_and_the_record_stays():
    with serving(DOMAIN, seed=6) as (world, first):
        [address] = world.inventory()["addresses"]
        world.boots = [quick()]

        world.terminate(first["instance_id"])
        world.until(lambda: world.serving(first["endpoint"]) is not None)
        world.quiet()

        assert list(world.inventory()["addresses"]) == [address]
        assert world.history.of("entered", state="DrainFirst") == []


@pytest.mark.parametrize(("spec", "first"), [(DOMAIN, 0), (ADDRESS, 1)], ids=["name", "address"])
def test_a_forced_repair_that_is_aborted_anywhere_and_repeated_leaves_one_host(spec, first):
    """The states in turn: one half of them with a name, the other half without."""
    with serving(spec, seed=7, duplicates=0, report_seconds=120) as (world, served):
        endpoint = served["endpoint"]
        world.boots = [quick() for _ in range(100)]
        whole = repaired(world)
        states = entered(world, whole.name)
        assert len(states) > 15
        for state in states[first::2]:
            execution = world.start("repair", {"name": "demo", "force": True})
            world.until(lambda at=state, run=execution: at in entered(world, run.name))
            world.executions.stop(execution.arn, "aborted", "by hand")
            world.pass_(minutes=2)

            again = world.run("repair", {"name": "demo"})

            assert again.status == "SUCCEEDED", (state, again.cause)
            assert world.instances() == [world.serving(endpoint)], state
            assert len(world.inventory()["addresses"]) == 1, state
            assert status(world) == "serving", state
            assert all("closed_at" in row for row in rows(world, "incident#")), state


@BY_NAME_OR_ADDRESS
@pytest.mark.parametrize("state", ["AwaitServing", "PromoteHost"])
def test_a_new_host_that_dies_at_a_step_is_followed_by_another(spec, state):
    """No client notices before traffic is led to it; afterwards the old one is taken back."""
    with serving(spec, seed=11, duplicates=0) as (world, first):
        client = Client(world, first["endpoint"])
        world.boots = [quick() for _ in range(9)]
        execution = world.start("repair", {"name": "demo", "force": True})
        world.until(lambda: state in entered(world, execution.name))
        world.until(lambda: len(world.instances()) == 2)

        [new] = set(world.instances()) - {first["instance_id"]}
        world.terminate(new)
        world.ended(execution)
        world.quiet()

        assert world.instances() == [world.serving(first["endpoint"])]
        assert world.instances() != [first["instance_id"]]
        assert status(world) == "serving"
        leaving = [m.seconds for m in world.history.of("phase", phase="draining")]
        assert all(each >= leaving[0] for each in client.failures)
        assert client.failures == [] or spec is ADDRESS


@pytest.mark.parametrize("desired", ["asleep", "stopped"])
def test_what_is_not_wanted_now_is_not_repaired(desired):
    with serving(DOMAIN, seed=8) as (world, first):
        write(world, desired=desired)

        world.terminate(first["instance_id"])
        world.quiet()
        by_hand = world.run("repair", {"name": "demo"})

        assert world.instances() == []
        assert by_hand.result["outcome"] == "skipped"
        assert desired in by_hand.result["why"]
        assert world.down("demo") == {"name": "demo", "left": 0}


def test_a_provision_enters_at_most_forty_states():
    with World.open(seed=10) as world:
        execution = world.start("provision", DOMAIN)
        world.ended(execution)

        states = entered(world, execution.name)

        assert execution.status == "SUCCEEDED"
        assert 15 < len(states) <= 40


def test_reports_count_for_the_host_that_sent_them():
    with serving(DOMAIN, seed=9) as (world, first):
        world.boots = [quick(never="loading")]
        execution = world.start("repair", {"name": "demo", "force": True})
        world.until(lambda: len(world.instances()) == 2)
        world.pass_(minutes=2)

        phases = {row["instance_id"]: row["phase"] for row in rows(world, "host#")}

        assert phases[first["instance_id"]] == "serving"
        assert sorted(phases.values()) == ["loading", "serving"]
        assert execution.runs
