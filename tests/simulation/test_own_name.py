"""Its own name wakes what sleeps: the record leads to the waker, and back to the host."""

from __future__ import annotations

import pytest
from simlab import Boot, World
from simulation.replacement import DOMAIN, quick, row, rows, serving
from simulation.wakers import ask, key_of

IDLE = {**DOMAIN, "sleep": {"after_idle_minutes": 60}}
HOST = "infer.example.com"


def record(world: World) -> dict:
    """The A record of the endpoint."""
    with world.account.uncounted():
        route53 = world.account.client("route53")
        [zone] = route53.list_hosted_zones()["HostedZones"]
        listed = route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
    [found] = [r for r in listed if (r["Name"], r["Type"]) == (f"{HOST}.", "A")]
    return found


def leads_to_waker(world: World) -> bool:
    return "execute-api" in str(record(world).get("AliasTarget", {}).get("DNSName"))


def fall_asleep(world: World) -> None:
    world.until(lambda: row(world)["status"] == "asleep", hours=3)
    world.quiet()


def test_a_request_to_the_name_wakes_it_and_reaches_the_host_again():
    with serving(IDLE, seed=101, report_seconds=240) as (world, first):
        address = record(world)["ResourceRecords"]
        fall_asleep(world)
        assert leads_to_waker(world)
        assert world.serving(first["endpoint"]) is None
        assert ask(world, "sk-wrong", HOST)[0] == 401
        assert ask(world, key_of(world), "other.example.com")[0] == 404

        world.boots = [quick()]
        code, answer = ask(world, key_of(world), HOST)
        assert (code, answer["code"]) == (503, "asleep")
        world.until(lambda: row(world)["status"] == "serving")

        assert record(world)["ResourceRecords"] == address
        assert world.serving(first["endpoint"]) == first["instance_id"]
        # A resolver may still lead here: its client comes back.
        code, answer = ask(world, key_of(world), HOST)
        assert (code, answer["code"], answer["retry-after"]) == (503, "awake", "15")


def test_certificate_and_names_are_kept_while_it_sleeps_and_gone_after_down():
    with serving(IDLE, seed=102, report_seconds=240) as (world, _):
        for _ in range(2):
            fall_asleep(world)
            there = world.inventory()
            assert (len(there["certificates"]), there["names"]) == (1, [HOST])
            world.boots = [quick()]
            world.run("start", {"name": "demo"})
        fall_asleep(world)

        assert world.run("teardown", {"name": "demo"}).status == "SUCCEEDED"

        assert world.inventory() == {}


def test_what_is_stopped_says_so_by_its_name():
    with serving(IDLE, seed=103, report_seconds=240) as (world, _):
        world.pass_(minutes=5)
        world.run("provision", IDLE)
        world.run("stop", {"name": "demo"})

        assert leads_to_waker(world)
        assert ask(world, key_of(world), HOST)[1]["code"] == "stopped"


@pytest.mark.parametrize("sleep", [{"after_idle_minutes": 60, "by_name": False}, {}])
def test_a_change_takes_the_name_from_the_waker(sleep):
    with serving(IDLE, seed=104, report_seconds=240) as (world, _):
        world.pass_(minutes=5)
        world.run("provision", IDLE)
        assert world.inventory()["names"] == [HOST]

        world.up(**{**DOMAIN, "sleep": sleep})
        world.quiet()

        there = world.inventory()
        assert (there["certificates"], there["names"]) == ([], [])
        assert not [each for each in there["records"] if "CNAME" in each]
        assert rows(world, "resource#wake-name") == []


def test_a_certificate_that_an_authority_refuses_leaves_the_other_way_to_wake_it():
    with World.open(seed=105, report_seconds=240) as world:
        world.account.certificates.refuses[HOST] = "CAA_ERROR"
        world.boots = [quick(), quick()]
        first = world.up(**IDLE)
        fall_asleep(world)

        assert not leads_to_waker(world)
        notes = [each["text"] for each in rows(world, "event#") if each["what"] == "wake"]
        assert f"requests to {HOST} do not wake it: its certificate is FAILED CAA_ERROR" in notes
        assert ask(world, key_of(world))[1]["code"] == "asleep"
        world.until(lambda: world.serving(first["endpoint"]) is not None)


def test_a_start_that_fails_leads_the_name_to_the_waker_again():
    with serving(IDLE, seed=106, report_seconds=240) as (world, _):
        fall_asleep(world)
        world.boots = [Boot(fails="loading")]
        ask(world, key_of(world), HOST)
        world.pass_(minutes=20)

        assert row(world)["status"] == "asleep"
        assert leads_to_waker(world)
