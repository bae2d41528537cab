"""The deployment's CloudWatch alarms: what each watches, and that they follow the host."""

from __future__ import annotations

from functools import partial

import pytest
from awssim import Crash
from contracts.documents import document
from orchestrator.aws import alarms as watched
from orchestrator.aws import naming
from orchestrator.deployments import inventory
from orchestrator.errors import Pending, ResourceConflict
from orchestrator.resources import alarms, instance
from orchestrator.spec.parsing import parse
from steps import SPEC, Workflow

HOSTS = document("metric_names")["cloudwatch"]
CHECKS = {
    "system-check": "StatusCheckFailed_System",
    "instance-check": "StatusCheckFailed_Instance",
    "attached-disk-check": "StatusCheckFailed_AttachedEBS",
}


@pytest.fixture
def prepared(provisioned_before):
    """A host serves, and there are no alarms yet."""
    return provisioned_before(alarms)


@pytest.fixture
def moved(complete):
    """Generation 2 serves now; the alarms still watch generation 1."""
    with complete.account.uncounted():
        complete.run(partial(instance.replace, generation=1))
        complete.promote()
    return complete


def there(workflow):
    """Every alarm of the account, by what it is of."""
    found = workflow.clients.cloudwatch.describe_alarms()["MetricAlarms"]
    return {each["AlarmName"].removeprefix("lamplighter-demo-"): each for each in found}


def dimension(alarm):
    [found] = alarm["Dimensions"]
    return found["Name"], found["Value"]


def tags(workflow, alarm):
    listed = workflow.clients.cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])
    return {each["Key"]: each["Value"] for each in listed["Tags"]}


def put(workflow, what, **more):
    workflow.clients.cloudwatch.put_metric_alarm(
        AlarmName=naming.alarm("lamplighter", "demo", what),
        Namespace="AWS/EC2",
        MetricName="CPUUtilization",
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
        **more,
    )


def changes(workflow):
    """Names of the alarms that were made or set since the account counts calls."""
    calls = workflow.account.creating_calls()
    return [c.parameters["AlarmName"] for c in calls if c.operation == "PutMetricAlarm"]


def notes(workflow):
    return [row["text"] for row in workflow.ledger.rows("event#") if row["what"] == "drift"]


def test_every_name_of_an_alarm_but_the_budgets_is_made(prepared):
    prepared.ensure(alarms)

    assert set(there(prepared)) == set(naming.ALARMS) - {"budget"}


def test_the_status_checks_watch_the_instance_that_serves(prepared):
    prepared.ensure(alarms)

    serving = prepared.ledger.serving().instance_id
    for what, metric in CHECKS.items():
        alarm = there(prepared)[what]
        assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/EC2", metric)
        assert dimension(alarm) == ("InstanceId", serving)
        assert (alarm["Period"], alarm["EvaluationPeriods"]) == (60, 2)
        assert alarm["TreatMissingData"] == "notBreaching"


def test_the_others_watch_metrics_that_the_hosts_send(prepared):
    prepared.ensure(alarms)

    others = [alarm for what, alarm in there(prepared).items() if what not in CHECKS]
    assert {each["Namespace"] for each in others} == {HOSTS["namespace"]}
    assert {each["MetricName"] for each in others} <= set(HOSTS["metrics"])
    assert {dimension(each) for each in others} == {(HOSTS["dimension"], "demo")}


def test_silence_raises_the_heartbeats_alarm_and_no_other(prepared):
    prepared.ensure(alarms)

    breaching = [w for w, a in there(prepared).items() if a["TreatMissingData"] == "breaching"]
    assert breaching == ["heartbeat"]


def test_a_host_without_a_gpu_gets_no_alarm_on_one():
    on_cpu = parse({**SPEC, "instance": {"type": "m7i.2xlarge", "gpu": False}})

    assert "gpu" not in {rule.what for rule in watched.rules(on_cpu)}


def test_only_what_no_repair_cures_notifies_and_only_where_there_is_a_topic():
    rules = watched.rules(parse(SPEC))

    def actions(topic):
        documents = [watched.document(rule, "lamplighter", "demo", "i-1", topic) for rule in rules]
        return {rules[i].what: d["AlarmActions"] for i, d in enumerate(documents)}

    assert not any(actions(None).values())
    notifying = {what for what, given in actions("arn:topic").items() if given == ["arn:topic"]}
    assert notifying == {"certificate", "disk"}


def test_they_carry_our_tags_and_the_operators(account, prepared):
    spec = {**SPEC, "tags": {"team": "ml"}}
    tagging = Workflow(account, spec)

    tagging.run(alarms.ensure, alarms)

    found = tags(tagging, there(tagging)["disk"])
    assert found.items() >= {
        *((naming.INSTALLATION, "lamplighter"), (naming.OWNER, "demo"), ("team", "ml")),
        *((naming.ROLE, "disk"), ("Name", "lamplighter-demo-disk")),
    }


def test_before_a_host_serves_there_is_nothing_to_watch(provisioned_before):
    workflow = provisioned_before(instance)

    with pytest.raises(Pending, match="no host serves yet"):
        alarms.ensure(workflow.clients, workflow.deployment, workflow.ledger)


def test_they_follow_the_host_that_serves(moved):
    before = there(moved)

    moved.ensure(alarms)

    names = sorted(naming.alarm("lamplighter", "demo", what) for what in CHECKS)
    assert changes(moved) == names
    serving = moved.ledger.serving().instance_id
    for what, alarm in there(moved).items():
        expected = ("InstanceId", serving) if what in CHECKS else dimension(before[what])
        assert dimension(alarm) == expected
    assert notes(moved) == []  # a new host is no drift


def test_a_plan_names_what_watches_a_host_that_is_gone(moved):
    planned = moved.run(alarms.plan)

    changing = [each.what for each in planned if each.action == "change"]
    assert len(changing) == len(CHECKS)
    assert all("Dimensions" in what for what in changing)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (lambda w: w.disable_alarm_actions(AlarmNames=["lamplighter-demo-disk"]), "ActionsEnabled"),
        (lambda w: w.put_metric_alarm(**disk(w) | {"Threshold": 99.5}), "Threshold"),
        (lambda w: w.put_metric_alarm(**disk(w) | {"AlarmActions": ["arn:x"]}), "AlarmActions"),
    ],
    ids=["disabled", "another threshold", "another action"],
)
def test_what_was_set_by_hand_is_shown_mended_and_noted(complete, change, key):
    with complete.account.uncounted():
        as_made = disk(complete.clients.cloudwatch)
        change(complete.clients.cloudwatch)
        complete.ledger.record(served_at=complete.ledger.time())
    [planned] = [each for each in complete.run(alarms.plan) if each.action == "change"]

    complete.ensure(alarms)

    assert planned.what == f"CloudWatch alarm lamplighter-demo-disk has another {key}"
    assert changes(complete) == ["lamplighter-demo-disk"]
    assert disk(complete.clients.cloudwatch) == as_made
    assert [planned.what in note for note in notes(complete)] == [True]


def disk(cloudwatch):
    """Return the disk's alarm as PutMetricAlarm would take it."""
    [found] = cloudwatch.describe_alarms(AlarmNames=["lamplighter-demo-disk"])["MetricAlarms"]
    taken = watched.document(watched.rules(parse(SPEC))[0], "lamplighter", "demo", "i-1", None)
    return {key: found[key] for key in taken}


def test_one_that_was_deleted_by_hand_is_made_again(complete):
    with complete.account.uncounted():
        complete.clients.cloudwatch.delete_alarms(AlarmNames=["lamplighter-demo-gpu"])

    complete.ensure(alarms)

    assert changes(complete) == ["lamplighter-demo-gpu"]
    assert tags(complete, there(complete)["gpu"])[naming.OWNER] == "demo"


@pytest.mark.parametrize("whose", ["without tags", "of another installation"])
def test_a_foreign_alarm_is_refused_and_survives(prepared, whose):
    """An installation called lamplighter-demo may have a deployment called x."""
    owner = naming.tags("lamplighter-demo", prepared.deployment, "x")
    with prepared.account.uncounted():
        put(prepared, "disk", **({} if whose == "without tags" else {"Tags": owner}))
    before = there(prepared)

    with pytest.raises(ResourceConflict, match="alarm 'lamplighter-demo-disk'"):
        prepared.ensure(alarms)
    prepared.destroy(alarms)

    assert there(prepared) == before
    assert prepared.clear(alarms.found) == []


def test_a_teardown_deletes_ours_in_one_call_and_leaves_the_neighbours(complete, neighbour):
    others = {name for name in there(complete) if name.startswith("lamplighter-other-")}
    assert len(others) == len(naming.ALARMS) - 1

    complete.destroy(alarms)

    assert set(there(complete)) == others
    deleting = [c for c in complete.account.creating_calls() if c.operation == "DeleteAlarms"]
    assert len(deleting) == 1


def test_the_budgets_alarm_goes_with_the_others(complete):
    ours = naming.tags("lamplighter", complete.deployment, "budget")
    with complete.account.uncounted():
        put(complete, "budget", Tags=ours)
    assert "CloudWatch alarm lamplighter-demo-budget" in complete.clear(alarms.found)

    complete.destroy(alarms)

    assert there(complete) == {}


def test_one_that_lost_its_tags_is_named_and_the_others_are_deleted(complete):
    with complete.account.uncounted():
        arn = there(complete)["gpu"]["AlarmArn"]
        keys = list(tags(complete, there(complete)["gpu"]))
        complete.clients.cloudwatch.untag_resource(ResourceARN=arn, TagKeys=keys)
    complete.account.clock.advance(3600)

    with pytest.raises(ResourceConflict, match=r"'lamplighter-demo-gpu' .* lost its tags"):
        complete.destroy(alarms)

    assert set(there(complete)) == {"gpu"}
    assert "CloudWatch alarm lamplighter-demo-gpu" in complete.clear(inventory.left)


def test_one_that_another_deletes_meanwhile_is_looked_for_again(complete):
    """CloudWatch deletes none where one is missing."""
    shown = complete.clients.cloudwatch.describe_alarms()
    with complete.account.uncounted():
        complete.clients.cloudwatch.delete_alarms(AlarmNames=["lamplighter-demo-gpu"])
    complete.account.layers = (Outdated(shown), *complete.account.layers)

    with pytest.raises(Pending, match="deleted meanwhile"):
        alarms.destroy(complete.clients, complete.ledger)


class Outdated:
    """A layer of the account in which CloudWatch shows what was there a moment ago."""

    def __init__(self, shown):
        owner = {"Tags": naming.tags("lamplighter", parse(SPEC), "x")}
        self.rules = {
            "cloudwatch.DescribeAlarms": lambda _, __: shown,
            "cloudwatch.ListTagsForResource": lambda _, __: owner,
        }


def test_a_step_that_died_between_two_alarms_makes_the_rest(prepared):
    prepared.account.fault(operation="PutMetricAlarm", number=None, when="after", crash=True)
    with pytest.raises(Crash):
        prepared.ensure(alarms)
    assert len(there(prepared)) == 1

    prepared.ensure(alarms)

    assert set(there(prepared)) == set(naming.ALARMS) - {"budget"}


def test_a_teardown_waits_for_alarms_that_may_not_be_visible_yet(prepared):
    prepared.account.fault(operation="PutMetricAlarm", when="after", crash=True)
    with pytest.raises(Crash):
        prepared.ensure(alarms)

    with pytest.raises(Pending, match="not visible yet"):
        alarms.destroy(prepared.clients, prepared.ledger)
    prepared.destroy(alarms)

    assert there(prepared) == {}
