"""What `sam validate --lint` does not see: names that must agree across files."""

from __future__ import annotations

import json
import re
import tomllib
from inspect import signature

import pytest
import yaml
from orchestrator import errors, handlers
from orchestrator.deployments.inventory import RESOURCES
from orchestrator.launch import instances
from template_files import (
    ROOT,
    WORKFLOWS,
    called,
    definition,
    function_of,
    lambda_tasks,
    rules,
    states,
    text,
)

from statemachine.generate import definition as generated

HICCUPS = {
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
}
# No workflow calls them.
FROM_OUTSIDE = {
    *("HostReport", "InstanceEvent", "Reconciler", "Webhook", "GuardDeletion", "Waker"),
}
FOR_THE_COMMAND = {
    *(("Plan", "plan"), ("Inventory", "orphans"), ("Notice", "test")),
    *(("Maintenance", "pause"), ("Maintenance", "resume")),
}


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_every_substitution_is_given_and_used(template, workflow):
    machine = template["Resources"][f"{workflow.capitalize()}StateMachine"]["Properties"]

    used = set(re.findall(r"\$\{(\w+)\}", text(workflow)))

    assert used == set(machine["DefinitionSubstitutions"])


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_a_substitution_names_the_function_of_its_name(template, workflow):
    machine = template["Resources"][f"{workflow.capitalize()}StateMachine"]["Properties"]

    for key, value in machine["DefinitionSubstitutions"].items():
        if key.endswith("FunctionArn"):
            assert value == {"!GetAtt": f"{key.removesuffix('Arn')}.Arn"}


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_a_workflow_may_invoke_exactly_its_own_steps(template, workflow):
    machine = template["Resources"][f"{workflow.capitalize()}StateMachine"]["Properties"]
    [invoke] = [
        statement
        for policy in machine["Policies"]
        for statement in policy.get("Statement", [])
        if statement["Action"] == "lambda:InvokeFunction"
    ]

    allowed = {arn["!GetAtt"].removesuffix("Function.Arn") for arn in invoke["Resource"]}

    assert allowed == {function_of(task) for task in lambda_tasks(workflow).values()}


# Where a host may turn out to be lost.
LOSING = ("AwaitServing", "Canary", "PromoteHost")
# The steps between a promotion and the end of its predecessor: after a failure that is taken back.
MOVING = (
    *("DrainFirst", "EnsureAddress", "EnsureDns", "SetFirewall", "EnsureAlarms"),
    "DrainPredecessors",
)
# The waits that end after the deployment's own limit -> what follows then.
DRAINS = {"DrainFirst": "EnsureAddress", "DrainPredecessors": "DestroyPredecessors"}
DRAINS_BEFORE_A_STOP = {"DrainHost": "HaltHost"}
DRAINS_BEFORE_A_CHANGE = {"DrainReplaced": "DestroyReplaced"}
WAITS = {**DRAINS, "AwaitCapacity": "ReplaceInstance"}
# What a rung below a replacement does: where it fails, the next one is tried.
RUNGS = (
    *("RestartAgent", "AwaitCommand", "RebootHost", "StopHost", "StartHost", "AwaitRecovery"),
    "ProveService",
)


def calls():
    """Yield (state, function, verb) of every state that calls one."""
    for workflow in WORKFLOWS:
        for name, task in lambda_tasks(workflow).items():
            yield name, *called(task)


def verbs(function):
    """Return a function's verbs; none: it takes events as they come."""
    entry = getattr(handlers, f"{in_python(function)}_function")
    return getattr(entry, "verbs", {})


def in_python(name):
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def test_a_state_is_called_like_what_it_calls():
    """EnsureNetwork = ensure of Network; BeginTeardown = begin_teardown of Deployment."""
    for state, function, verb in calls():
        assert in_python(state) in {verb, f"{verb}_{in_python(function)}"}, state


def test_every_verb_is_called_by_a_state_or_the_command_and_every_call_has_its_verb(functions):
    there = {(function, verb) for function in functions for verb in verbs(function)}

    assert there == {(function, verb) for _, function, verb in calls()} | FOR_THE_COMMAND


def test_a_state_gives_what_its_verb_takes():
    """A verb made by `step` or `recording` takes the rest of its event by name."""
    tasks = [task for w in WORKFLOWS for task in lambda_tasks(w).values()]
    for task in tasks:
        function, verb = called(task)
        act = getattr(verbs(function)[verb], "__wrapped__", None)
        if act is not None:
            given = set(task["Arguments"]["Payload"]) - {"verb", "name", "execution"}
            names = {name for name in signature(act).parameters if name.strip("_")}
            taken = names - {"clients", "deployment", "ledger"}
            assert given == taken, (function, verb)


def test_a_function_is_called_like_its_handler(functions):
    for name, properties in functions.items():
        assert properties["Handler"] == f"orchestrator.handlers.{in_python(name)}_function"
        assert callable(getattr(handlers, f"{in_python(name)}_function"))


def test_every_handler_is_a_function_of_the_template(functions):
    there = {name.removesuffix("_function") for name in vars(handlers) if "_function" in name}

    assert there == {in_python(name) for name in functions}


def test_a_function_without_a_verb_is_called_from_outside(functions):
    assert {name for name in functions if not verbs(name)} == FROM_OUTSIDE


def test_every_resource_is_a_function_and_is_made_and_destroyed(functions):
    modules = [module.__name__.rpartition(".")[2] for module in RESOURCES]
    names = {"".join(map(str.capitalize, each.split("_"))) for each in modules}

    assert names <= set(functions)
    assert {name for name in functions if "ensure" in verbs(name)} == names
    assert {name for name in functions if "destroy" in verbs(name)} == names


def test_every_function_has_a_role_of_its_own(functions):
    """SAM makes one for each that names none."""
    assert all("Role" not in properties for properties in functions.values())
    assert all(properties["Policies"] for properties in functions.values())


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_a_definition_is_what_its_steps_say(workflow):
    assert text(workflow) == generated(workflow), "run `make workflows`"


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_every_error_that_a_workflow_names_exists(workflow):
    named = {
        error
        for state in states(definition(workflow)).values()
        for rule in [*state.get("Retry", []), *state.get("Catch", [])]
        for error in rule["ErrorEquals"]
    }

    ours = {error for error in named if "." not in error}

    assert ours <= set(vars(errors))


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_a_definition_has_no_yaml_alias(workflow):
    """CloudFormation refuses them."""
    tokens = yaml.scan(text(workflow))

    assert not [t for t in tokens if isinstance(t, (yaml.AnchorToken, yaml.AliasToken))]


def test_every_task_has_a_limit_and_forgives_the_same_hiccups():
    tasks = [(w, name, task) for w in WORKFLOWS for name, task in lambda_tasks(w).items()]
    hiccups = {json.dumps(task["Retry"][-1], sort_keys=True) for _, _, task in tasks}

    by_hand = {name: limit for _, name, t in tasks if isinstance(limit := t["TimeoutSeconds"], str)}
    ends = (*DRAINS, *DRAINS_BEFORE_A_STOP, *DRAINS_BEFORE_A_CHANGE)
    drains = dict.fromkeys(ends, "{% $drain_seconds %}")
    assert by_hand == drains | {"AwaitCapacity": "{% $wait_seconds %}"}
    assert all(t["TimeoutSeconds"] > 60 for _, name, t in tasks if name not in by_hand), (
        "more than a Lambda's own limit"
    )
    assert len(hiccups) == 1
    assert set(json.loads(hiccups.pop())["ErrorEquals"]) >= HICCUPS


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_one_catch_covers_every_step(workflow):
    machine = definition(workflow)
    [block] = [state for state in machine["States"].values() if state["Type"] == "Parallel"]

    assert len(block["Branches"]) == 1
    assert block["Catch"][0]["ErrorEquals"] == ["States.ALL"]
    caught = {
        (name, error): rule["Next"]
        for name, state in states(block["Branches"][0]).items()
        for rule in state.get("Catch", [])
        for error in rule["ErrorEquals"]
    }
    # AWS reports a missed heartbeat as a plain time-out: only a Catch of its own can name it.
    silent = {
        ("AwaitServing", f"States.{e}"): "HostSilent" for e in ("HeartbeatTimeout", "Timeout")
    }
    lost = {(name, "HostLost"): "Relaunch?" for name in LOSING}
    late = {(name, "States.Timeout"): following for name, following in WAITS.items()}
    no_address = {("EnsureAddress", "AddressLimit"): "DrainFirst"}
    back = {(name, "States.ALL"): "TakeBack?" for name in MOVING}
    back |= {(name, "States.ALL"): "MoveFailed" for name in ("WithdrawOrders", "TakeBack")}
    expected = silent | lost | late | no_address | back
    if workflow == "repair":
        busy = {("AcquireLock", "LockHeld"): "LeaveIncident"}
        expected |= busy | {(name, "States.ALL"): "Climb" for name in RUNGS}
    if workflow in {"provision", "start"}:
        errors = ("InsufficientCapacity", "HostLost")
        expected |= {("StartHost", error): "ReplaceInstance" for error in errors}
    if workflow == "provision":
        replaced = DRAINS_BEFORE_A_CHANGE.items()
        expected |= {(name, "States.Timeout"): following for name, following in replaced}
    if workflow == "stop":
        late = DRAINS_BEFORE_A_STOP.items()
        expected = {(name, "States.Timeout"): following for name, following in late}
        # A name that cannot be led to the waker keeps nothing from its sleep.
        expected |= {("FinishOwnName", "States.ALL"): "LeadToWaker"}
        expected |= {("LeadToWaker", "States.ALL"): "DrainHost"}
    assert caught == ({} if workflow == "teardown" else expected)


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_the_lock_is_released_even_when_the_failure_cannot_be_recorded(workflow):
    machine = definition(workflow)["States"]
    [block] = [state for state in machine.values() if state["Type"] == "Parallel"]

    report = machine["ReportFailure"]
    before = block["Catch"][0]["Next"]
    while before != "ReportFailure":
        anything = [{"ErrorEquals": ["States.ALL"], "Next": "ReportFailure"}]
        assert machine[before]["Catch"] == anything
        before = machine[before]["Next"]
    after = report["Next"]
    if workflow == "provision":  # what a change that failed had added goes
        assert machine[after]["Catch"] == [{"ErrorEquals": ["States.ALL"], "Next": "ReleaseLock"}]
        after = machine[after]["Next"]
    assert block["Next"] == after == "ReleaseLock"
    assert report["Catch"] == [{"ErrorEquals": ["States.ALL"], "Next": "ReleaseLock"}]


@pytest.mark.parametrize("workflow", ["provision", "repair", "start"])
def test_the_wait_for_a_host_ends_after_the_installations_limit_of_silence(workflow):
    waiting = states(yaml.safe_load(text(workflow)))["AwaitServing"]

    assert waiting["HeartbeatSeconds"] == "${HostSilenceSeconds}"


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_a_choice_asks(workflow):
    for name, state in states(definition(workflow)).items():
        if state["Type"] == "Choice":
            assert name.endswith("?")
            assert "Default" in state


def test_teardown_goes_backwards_through_provision():
    ensured = [n.removeprefix("Ensure") for n in in_order("provision") if n.startswith("Ensure")]
    destroyed = [n.removeprefix("Destroy") for n in in_order("teardown") if n.startswith("Destroy")]

    assert destroyed == ensured[::-1]


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_every_state_is_reached(workflow):
    machine = definition(workflow)
    for scope in [machine, *[b for s in machine["States"].values() for b in s.get("Branches", [])]]:
        reached = {scope["StartAt"]}
        for state in scope["States"].values():
            reached |= {state.get("Next"), state.get("Default")}
            reached |= {rule["Next"] for rule in state.get("Catch", []) + state.get("Choices", [])}
        assert set(scope["States"]) == reached - {None}


def test_every_rule_keeps_what_it_cannot_deliver(template):
    found = rules(template)

    assert not [r for r in template["Resources"].values() if r["Type"] == "AWS::Events::Rule"]
    for rule in found.values():
        assert rule["DeadLetterConfig"] == {"Arn": {"!GetAtt": "DeadLetters.Arn"}}
        # a look that is missed is followed by the next one
        assert rule["RetryPolicy"]["MaximumRetryAttempts"] > 0 or "Schedule" in rule


def test_the_queue_takes_what_our_rules_could_not_deliver(template):
    [statement] = template["Resources"]["DeadLettersPolicy"]["Properties"]["PolicyDocument"][
        "Statement"
    ]

    allowed = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
    assert {arn["!GetAtt"].removesuffix(".Arn") for arn in allowed} == set(rules(template))


def test_every_state_in_which_an_instance_is_lost_is_received(template):
    patterns = [
        rule["Pattern"]["$or"]
        for rule in rules(template).values()
        if "$or" in rule.get("Pattern", {})
    ]

    [received] = [
        each["detail"]["state"] for pattern in patterns for each in pattern if "detail" in each
    ]

    assert set(received) == set(instances.LOST) - {"absent"}  # for which EC2 has no event


def test_parameters_are_the_same_in_template_and_samconfig(template):
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    overrides = config["default"]["deploy"]["parameters"]["parameter_overrides"]

    defaults = {name: str(p["Default"]) for name, p in template["Parameters"].items()}

    assert dict(override.split("=") for override in overrides) == defaults


def in_order(workflow):
    machine = definition(workflow)
    [block] = [state for state in machine["States"].values() if state["Type"] == "Parallel"]
    branch = block["Branches"][0]
    name, names = branch["StartAt"], []
    while name:
        names.append(name)
        state = branch["States"][name]
        name = state.get("Next", state.get("Default"))
    return names
