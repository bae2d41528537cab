"""template.yaml as CloudFormation would make it: functions, state machines, rules, by their names.

Read here and not by AWS's aws-sam-translator, whose import alone takes seconds. What could start
something (a rule, a schedule, a subscription) and is not known is refused, not left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import few_scripts
import yaml
from awssim.clients import ACCOUNT_ID, REGION
from template_files import ROOT, read

from simlab.workflows.definitions import Definition, check
from simlab.workflows.failure import Unsupported

STACK = "lamplighter"
_PSEUDO = {
    "AWS::StackName": STACK,
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT_ID}:stack/{STACK}/0",
    "AWS::Partition": "aws",
    "AWS::AccountId": ACCOUNT_ID,
    "AWS::Region": REGION,
    "AWS::URLSuffix": "amazonaws.com",
}
_NAMES = ("Name", "FunctionName", "TableName", "LayerName", "RoleName")
_SUBSTITUTED = re.compile(r"\$\{([\w:.]+)\}")
_UNITS = {"minute": 60, "hour": 3600, "day": 86400}
# Services whose resources start something by themselves. A subscription to the notices starts the
# webhook's function only, and no life here has set a webhook.
_ACTING = ("AWS::Events::", "AWS::Scheduler::", "AWS::Pipes::", "AWS::Lambda::EventSource")
_PASSIVE = {"AWS::Events::EventBus", "AWS::Scheduler::ScheduleGroup"}
# What a reference to them gives is their ARN.
_NAMED_BY_ARN = {"AWS::Serverless::StateMachine", "AWS::IAM::ManagedPolicy", "AWS::SNS::Topic"}
_HERE = f"{REGION}:{ACCOUNT_ID}"
_ARNS = {
    "AWS::Serverless::Function": f"lambda:{_HERE}:function:",
    "AWS::Serverless::StateMachine": f"states:{_HERE}:stateMachine:",
    "AWS::DynamoDB::Table": f"dynamodb:{_HERE}:table/",
    "AWS::Events::EventBus": f"events:{_HERE}:event-bus/",
    "AWS::CodeBuild::Project": f"codebuild:{_HERE}:project/",
    "AWS::IAM::ManagedPolicy": f"iam::{ACCOUNT_ID}:policy/",
    "AWS::IAM::Role": f"iam::{ACCOUNT_ID}:role/",
    "AWS::Scheduler::ScheduleGroup": f"scheduler:{_HERE}:schedule-group/",
}
_OPT = "/opt"


@dataclass(frozen=True, slots=True)
class Function:
    """timeout: seconds. retries: of an asynchronous invocation that failed, by Lambda itself."""

    arn: str
    handler: str
    environment: Mapping[str, str]
    timeout: float
    retries: int

    @property
    def name(self) -> str:
        return self.arn.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class Machine:
    arn: str
    name: str
    definition: Definition


@dataclass(frozen=True, slots=True)
class Rule:
    """bus: a name. pattern: None for a rule with a schedule; every: its seconds."""

    name: str
    bus: str
    pattern: Mapping[str, Any] | None
    every: float | None
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stack:
    """functions and machines by ARN; outputs: the stack's; named: resource type -> names."""

    functions: Mapping[str, Function]
    machines: Mapping[str, Machine]
    rules: tuple[Rule, ...]
    outputs: Mapping[str, str]
    named: Mapping[str, tuple[str, ...]]

    @property
    def boundary(self) -> str:
        """The ARN of the permissions boundary that every function knows."""
        return next(iter(self.functions.values())).environment["HOST_BOUNDARY"]

    @property
    def topic(self) -> str:
        """The ARN of the notices' topic, likewise."""
        return next(iter(self.functions.values())).environment["NOTICE_TOPIC"]

    @property
    def schedules(self) -> tuple[str, str]:
        """The name of the schedules' group, and the ARN of the role that they start with."""
        [known] = [each for each in self.functions.values() if each.name == "ScheduleFunction"]
        return known.environment["SCHEDULE_GROUP"], known.environment["SCHEDULER_ROLE"]


def stack(parameters: Mapping[str, str]) -> Stack:
    """Return what the template makes with these parameters in the place of their defaults."""
    return _stack(tuple(sorted(parameters.items())))


@cache
def _stack(parameters: tuple[tuple[str, str], ...]) -> Stack:
    reader = Reader(read(), dict(parameters))
    named: dict[str, tuple[str, ...]] = {}
    for name, resource in reader.resources.items():
        named[resource["Type"]] = (*named.get(resource["Type"], ()), reader.physical(name))
    functions = [reader.function(n) for n in reader.of_type("AWS::Serverless::Function")]
    machines = [reader.machine(n) for n in reader.of_type("AWS::Serverless::StateMachine")]
    outputs = {k: reader.text(o["Value"]) for k, o in reader.document["Outputs"].items()}
    return Stack(
        {function.arn: function for function in functions},
        {machine.arn: machine for machine in machines},
        tuple(reader.rules()),
        outputs,
        named,
    )


class Reader:
    def __init__(self, document: dict[str, Any], parameters: Mapping[str, str]) -> None:
        unknown = parameters.keys() - document["Parameters"].keys()
        if unknown:
            raise Unsupported(f"no such parameters of the template: {', '.join(sorted(unknown))}")
        self.document = document
        self.resources: dict[str, Any] = document["Resources"]
        defaults = {name: each["Default"] for name, each in document["Parameters"].items()}
        self._values = {**_PSEUDO, **defaults, **parameters}

    def of_type(self, kind: str) -> list[str]:
        return [name for name, each in self.resources.items() if each["Type"] == kind]

    # -- functions, machines, rules ----------------------------------------------------------

    def function(self, name: str) -> Function:
        shared = self.document["Globals"]["Function"]
        own = self.resources[name]["Properties"]
        environment = self._environment(shared) | self._environment(own)
        layers = [self._folder(layer) for layer in own.get("Layers", [])]
        asynchronous = own.get("EventInvokeConfig", {})
        return Function(
            arn=self._arn(name),
            handler=own["Handler"],
            environment={key: _mounted(value, layers) for key, value in environment.items()},
            timeout=float(self.text(own.get("Timeout", shared["Timeout"]))),
            retries=int(asynchronous.get("MaximumRetryAttempts", 2)),
        )

    def machine(self, name: str) -> Machine:
        properties = self.resources[name]["Properties"]
        if properties.get("Events"):
            raise Unsupported(f"{name}: Events of a state machine")
        given = properties.get("DefinitionSubstitutions", {})
        values = {key: self.text(value) for key, value in given.items()}
        path = ROOT / properties["DefinitionUri"]
        text = _SUBSTITUTED.sub(lambda found: _given(values, found[1], path), path.read_text())
        return Machine(
            self._arn(name), self.physical(name), check(yaml.load(text, Loader=yaml.CSafeLoader))
        )

    def rules(self) -> Iterator[Rule]:
        for name, resource in self.resources.items():
            properties = resource.get("Properties", {})
            if resource["Type"] == "AWS::Events::Rule":
                targets = tuple(self.text(target["Arn"]) for target in properties["Targets"])
                yield self._rule(name, properties, targets)
            elif resource["Type"].startswith(_ACTING) and resource["Type"] not in _PASSIVE:
                raise Unsupported(f"{name}: {resource['Type']}")
            if resource["Type"] == "AWS::Serverless::Function":
                yield from self._events(name, properties.get("Events", {}))

    def _events(self, name: str, events: Mapping[str, Any]) -> Iterator[Rule]:
        """Yield the rules that SAM makes of a function's Events."""
        for event, declared in events.items():
            if declared["Type"] not in {"EventBridgeRule", "Schedule"}:
                raise Unsupported(f"{name}.{event}: Type {declared['Type']}")
            known = declared["Properties"]
            properties = {
                "EventPattern": known.get("Pattern"), "ScheduleExpression": known.get("Schedule"),
                "EventBusName": known.get("EventBusName", "default"),
            }  # fmt: skip
            yield self._rule(f"{name}{event}", properties, (self._arn(name),))

    def _rule(self, name: str, properties: Mapping[str, Any], targets: tuple[str, ...]) -> Rule:
        schedule = properties.get("ScheduleExpression")
        return Rule(
            name,
            self.text(properties.get("EventBusName", "default")),
            self.resolved(properties.get("EventPattern")),
            _seconds(self.text(schedule)) if schedule else None,
            targets,
        )

    # -- intrinsic functions -----------------------------------------------------------------

    def physical(self, name: str) -> str:
        """The name that the template gives a resource; its logical one where it gives none."""
        properties = self.resources[name].get("Properties", {})
        given = next((properties[key] for key in _NAMES if key in properties), name)
        return self.text(given)

    def resolved(self, value: Any) -> Any:
        """Return a document with its references resolved."""
        if isinstance(value, dict):
            if all(key.startswith("!") for key in value):
                return self.text(value)
            return {key: self.resolved(each) for key, each in value.items()}
        return [self.resolved(each) for each in value] if isinstance(value, list) else value

    def text(self, value: Any) -> str:
        """Return a value with its references resolved."""
        if not isinstance(value, dict):
            return str(value)
        [(intrinsic, argument)] = value.items()
        if intrinsic == "!Ref":
            return self._reference(argument)
        if intrinsic == "!GetAtt":
            return self._attribute(argument)
        if intrinsic == "!Sub" and isinstance(argument, str):
            return _SUBSTITUTED.sub(lambda found: self._reference(found[1]), argument)
        raise Unsupported(f"template.yaml: {intrinsic} of {argument!r} where a text is needed")

    def _reference(self, name: str) -> str:
        if "." in name:
            return self._attribute(name)
        if name in self._values:
            return str(self._values[name])
        kind = self.resources[name]["Type"]
        return self._arn(name) if kind in _NAMED_BY_ARN else self.physical(name)

    def _attribute(self, path: str) -> str:
        name, attribute = path.split(".")
        if attribute == "Arn":
            return self._arn(name)
        if attribute == "Name":
            return self.physical(name)
        if attribute == "FunctionUrl":  # of a resource that SAM makes
            return f"https://{name.lower()}.lambda-url.{REGION}.on.aws/"
        raise Unsupported(f"template.yaml: !GetAtt {path}")

    def _arn(self, name: str) -> str:
        kind = self.resources[name]["Type"]
        head = _ARNS.get(kind, f"{kind.split('::')[1].lower()}:{REGION}:{ACCOUNT_ID}:")
        return f"arn:aws:{head}{self.physical(name)}"

    def _environment(self, properties: Mapping[str, Any]) -> dict[str, str]:
        variables = properties.get("Environment", {}).get("Variables", {})
        return {name: self.text(value) for name, value in variables.items()}

    def _folder(self, layer: Mapping[str, str]) -> Path:
        found = Path(ROOT / self.resources[layer["!Ref"]]["Properties"]["ContentUri"])
        return few_scripts.folder() if found == few_scripts.SCRIPTS else found


def _mounted(value: str, layers: list[Path]) -> str:
    """AWS mounts a layer at /opt."""
    if value != _OPT or not layers:
        return value
    if len(layers) > 1:
        raise Unsupported("two layers in one function: they would have to be merged")
    return str(layers[0])


def _given(values: Mapping[str, str], name: str, path: Path) -> str:
    if name not in values:
        raise Unsupported(f"{path.name}: template.yaml substitutes no {name}")
    return values[name]


def _seconds(schedule: str) -> float:
    found = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", schedule)
    if not found:
        raise Unsupported(f"schedule {schedule}: only rate(...) is known")
    return int(found[1]) * _UNITS[found[2]]
