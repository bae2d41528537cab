"""What `sam validate --lint` does not see: names that must agree across files."""

from __future__ import annotations

import importlib
import json
import keyword
import re
import tomllib

import pytest
import yaml
from orchestrator import errors
from orchestrator.resources import instance
from template_files import ROOT, WORKFLOWS, definition, function_of, lambda_tasks, states, text

HICCUPS = {
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
}
VERBS = (
    "Acquire|Await|Begin|Bury|Check|Close|Destroy|Ensure|Record|Release|"
    "Replace|Report|Retire|Validate"
)
NOT_IN_A_WORKFLOW = {"PlanDeployment", "ReceiveHostReport", "ReceiveInstanceEvent", "GuardDeletion"}


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
        for statement in machine["Policies"][0]["Statement"]
        if statement["Action"] == "lambda:InvokeFunction"
    ]

    allowed = {arn["!GetAtt"].removesuffix("Function.Arn") for arn in invoke["Resource"]}

    assert allowed == {function_of(task) for task in lambda_tasks(workflow).values()}


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_a_state_is_called_like_its_function(workflow):
    for name, task in lambda_tasks(workflow).items():
        assert function_of(task) == name


def test_a_function_is_called_like_its_handler(functions):
    """EnsureNetwork = handlers/network.py: ensure; AwaitServing = handlers/serving.py: await_."""
    for name, properties in functions.items():
        verb, noun = re.fullmatch(r"([A-Z][a-z]+)(\w+)", name).groups()
        module = re.sub(r"(?<!^)(?=[A-Z])", "_", noun).lower()
        function = verb.lower() + ("_" if keyword.iskeyword(verb.lower()) else "")
        assert properties["Handler"] == f"orchestrator.handlers.{module}.{function}"


def test_every_handler_exists(functions):
    for properties in functions.values():
        module, function = properties["Handler"].rsplit(".", 1)
        assert callable(getattr(importlib.import_module(module), function))


def test_every_function_is_a_state_or_a_known_target(functions):
    steps = {function_of(task) for w in WORKFLOWS for task in lambda_tasks(w).values()}

    assert set(functions) == steps | NOT_IN_A_WORKFLOW


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

    assert all(task["TimeoutSeconds"] > 60 for _, _, task in tasks), (
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
    caught = {name: s["Catch"] for name, s in states(block["Branches"][0]).items() if "Catch" in s}
    # AWS reports a missed heartbeat as a plain time-out: only a Catch of its own can name it.
    assert set(caught) <= {"AwaitServing"}
    assert all(rule["Next"] == "HostSilent" for rules in caught.values() for rule in rules)


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_the_lock_is_released_even_when_the_failure_cannot_be_recorded(workflow):
    machine = definition(workflow)["States"]
    [block] = [state for state in machine.values() if state["Type"] == "Parallel"]

    report = machine[block["Catch"][0]["Next"]]

    assert block["Next"] == report["Next"] == "ReleaseLock"
    assert report["Catch"] == [{"ErrorEquals": ["States.ALL"], "Next": "ReleaseLock"}]


@pytest.mark.parametrize("workflow", ["provision", "repair"])
def test_the_wait_for_a_host_ends_after_the_installations_limit_of_silence(workflow):
    waiting = states(yaml.safe_load(text(workflow)))["AwaitServing"]

    assert waiting["HeartbeatSeconds"] == "${HostSilenceSeconds}"


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_a_state_is_a_verb_phrase_and_a_choice_asks(workflow):
    for name, state in states(definition(workflow)).items():
        if state["Type"] == "Choice":
            assert name.endswith("?")
            assert "Default" in state
        elif state["Type"] == "Task" and "lambda" in state["Resource"]:
            assert re.match(rf"^({VERBS})[A-Z]", name), name


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
    rules = [r for r in template["Resources"].values() if r["Type"] == "AWS::Events::Rule"]

    assert rules
    for target in [target for rule in rules for target in rule["Properties"]["Targets"]]:
        assert target["DeadLetterConfig"] == {"Arn": {"!GetAtt": "DeadLetters.Arn"}}
        assert target["RetryPolicy"]["MaximumRetryAttempts"] > 0


def test_the_queue_takes_what_any_rule_cannot_deliver(template):
    rules = {n for n, r in template["Resources"].items() if r["Type"] == "AWS::Events::Rule"}
    [statement] = template["Resources"]["DeadLettersPolicy"]["Properties"]["PolicyDocument"][
        "Statement"
    ]

    sources = statement["Condition"]["ArnEquals"]["aws:SourceArn"]

    assert {source["!GetAtt"].removesuffix(".Arn") for source in sources} == rules


def test_every_state_in_which_an_instance_is_lost_is_received(template):
    pattern = template["Resources"]["InstanceEventRule"]["Properties"]["EventPattern"]

    [received] = [each["detail"]["state"] for each in pattern["$or"] if "detail" in each]

    assert set(received) == set(instance.LOST) - {"absent"}  # for which EC2 has no event


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
        name = branch["States"][name].get("Next")
    return names
