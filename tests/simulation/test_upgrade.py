"""A newer installation over a live deployment: its rows and its host are of the release before."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path

from host.agent import reporter
from simulation.replacement import DOMAIN, Client, kept, quick, row, rows, serving, stored

EARLIER = json.loads(
    (Path(__file__).parents[1] / "contracts" / "earlier_release.json").read_text(encoding="utf-8")
)


@contextmanager
def upgraded(monkeypatch, seed):
    """A deployment that serves, with rows and reports as the release before made them."""
    entry = reporter.Reporter._entry

    def earlier(self, state, warnings):
        sent = entry(self, state, warnings)
        detail = json.loads(sent["Detail"])
        return {**sent, "Detail": json.dumps({key: detail[key] for key in EARLIER["report"]})}

    with serving(DOMAIN, seed=seed, report_seconds=60, duplicates=0) as (world, first):
        as_before(world)
        monkeypatch.setattr(reporter.Reporter, "_entry", earlier)
        yield world, first
    monkeypatch.undo()


def as_before(world):
    """Rewrite the ledger with the attributes that it had, and its specification."""
    [table] = world.stack.named["AWS::DynamoDB::Table"]
    dynamodb = world.account.client("dynamodb")
    with world.account.uncounted():
        found = dynamodb.scan(TableName=table)["Items"]
        assert {each["sk"]["S"] for each in found} >= EARLIER["rows"].keys()
        for item in found:
            names = EARLIER["rows"].get(item["sk"]["S"])
            dynamodb.delete_item(TableName=table, Key={"pk": item["pk"], "sk": item["sk"]})
            if names is None:  # of a kind that it did not have
                continue
            known = {name: item[name] for name in ("pk", "sk", *names) if name in item}
            assert known.keys() == {"pk", "sk", *names}
            if "spec" in known:
                known["spec"] = {"S": json.dumps(EARLIER["specification"])}
            dynamodb.put_item(TableName=table, Item=known)


def test_a_host_of_the_release_before_serves_and_reports_on(monkeypatch):
    with upgraded(monkeypatch, seed=81) as (world, first):
        client = Client(world, first["endpoint"])
        [before] = rows(world, "host#")

        world.pass_(minutes=10)

        [host] = rows(world, "host#")
        assert host["reported_at"] > before["reported_at"]
        assert client.failures == []
        assert world.executions.all == {}


def test_the_same_specification_changes_nothing_and_a_rotation_brings_the_host_up(monkeypatch):
    with upgraded(monkeypatch, seed=82) as (world, first):
        client = Client(world, first["endpoint"])

        same = world.up(**DOMAIN)
        assert (same["instance_id"], same["changed"]) == (first["instance_id"], False)
        monkeypatch.undo()
        world.boots = [quick()]
        rotated = world.up(name="demo", rotate=True)
        world.quiet()

        assert client.failures == []
        assert world.instances() == [rotated["instance_id"]] != [first["instance_id"]]
        assert row(world)["status"] == "serving"
        assert kept(world) == ["m"]


def test_a_change_a_loss_and_a_teardown_work_on_what_the_release_before_made(monkeypatch):
    with upgraded(monkeypatch, seed=83) as (world, first):
        client = Client(world, first["endpoint"])
        world.boots = [quick(fails="loading"), quick(), quick()]

        assert world.run("provision", {**DOMAIN, "model": "other"}).status == "FAILED"
        world.up(**{**DOMAIN, "model": "other"})
        world.quiet()
        assert client.failures == []
        assert kept(world) == ["m", "other"]
        [instance] = world.instances()
        world.terminate(instance)
        world.until(lambda: world.serving(first["endpoint"]) is not None)
        world.quiet()

        assert stored(world)["model"] == "other"
        assert world.down("demo") == {"name": "demo", "left": 0}
