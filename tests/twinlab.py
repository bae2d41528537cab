"""One twin with the real template; tests talk to it as an operator, a host or AWS itself would."""

from __future__ import annotations

import functools
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import httpx
import openai
from botocore.config import Config
from patience import eventually
from twin import control as twins
from twin.record import Twin

# Ledger rows are bookkeeping, reports are observations: neither is a creation.
CREATING = (
    "Create",
    "Run",
    "Allocate",
    "Put",
    "Associate",
    "Attach",
    "Authorize",
    "Start",
    "Change",
)
BOOKKEEPING = {"dynamodb", "stepfunctions", "events", "logs"}


@dataclass(frozen=True, slots=True)
class Installation:
    """The orchestrator on the twin. outputs: the stack's."""

    twin: Twin
    outputs: dict[str, str]

    # -- workflows ---------------------------------------------------------------------------

    def start(self, verb: str, document: dict[str, Any], name: str | None = None) -> str:
        started = self.client("stepfunctions").start_execution(
            stateMachineArn=self.outputs[f"{verb.capitalize()}Arn"],
            input=json.dumps(document),
            name=name or f"{verb}-{uuid.uuid4().hex[:12]}",
        )
        return str(started["executionArn"])

    def run(self, verb: str, document: dict[str, Any]) -> dict[str, Any]:
        return self.ended(self.start(verb, document))

    def ended(self, execution: str, seconds: float = 90) -> dict[str, Any]:
        described: dict[str, Any] = eventually(
            lambda: self.describe(execution),
            lambda found: found["status"] != "RUNNING",
            seconds,
        )
        return described

    def describe(self, execution: str) -> dict[str, Any]:
        found = self.client("stepfunctions").describe_execution(executionArn=execution)
        return {**found, "output": json.loads(found.get("output") or "null")}

    def up(self, **spec: Any) -> dict[str, Any]:
        """Provision; return the output."""
        ended = self.run("provision", spec)
        assert ended["status"] == "SUCCEEDED", (ended.get("error"), ended.get("cause"))
        output: dict[str, Any] = ended["output"]
        return output

    def down(self, name: str) -> None:
        ended = self.run("teardown", {"name": name})
        assert ended["status"] == "SUCCEEDED", (ended.get("error"), ended.get("cause"))
        assert ended["output"] == {"name": name, "left": 0}

    def repairs(self, name: str) -> list[dict[str, Any]]:
        """The completed repairs of the deployment's present life, in their order.

        That order is the lock's: of two repairs of one loss, either may come first.
        """
        rows = self.rows(name)
        born = max(row["at"] for row in rows if row.get("text") == "provisioning started")
        closed = [row for row in rows if row["sk"].startswith("incident#") and "closed_at" in row]
        present = [row for row in closed if row["began_at"] > born]
        return sorted(present, key=lambda row: row["began_at"])

    def quiet(self) -> None:
        """Wait until no execution runs. An event on its way may still start one."""
        sfn = self.client("stepfunctions")
        verbs = ("Provision", "Repair", "Stop", "Start", "Teardown")
        machines = [self.outputs[f"{verb}Arn"] for verb in verbs]
        eventually(
            lambda: [
                found["name"]
                for machine in machines
                for found in sfn.list_executions(stateMachineArn=machine, statusFilter="RUNNING")[
                    "executions"
                ]
            ],
            lambda running: not running,
            60,
        )

    def executions(self, verb: str) -> list[str]:
        listed = self.client("stepfunctions").list_executions(
            stateMachineArn=self.outputs[f"{verb.capitalize()}Arn"]
        )
        return [found["executionArn"] for found in listed["executions"]]

    # -- what is there -----------------------------------------------------------------------

    def rows(self, name: str) -> list[dict[str, Any]]:
        found = self.client("dynamodb").query(
            TableName=self.outputs["LedgerTable"],
            KeyConditionExpression="pk = :name",
            ExpressionAttributeValues={":name": {"S": name}},
        )
        return [{k: next(iter(v.values())) for k, v in item.items()} for item in found["Items"]]

    def deployment(self, name: str) -> dict[str, Any]:
        return next(row for row in self.rows(name) if row["sk"] == "deployment")

    def newest_host(self, name: str) -> dict[str, Any]:
        """The ledger's row of the host that was launched last."""
        hosts = [row for row in self.rows(name) if row["sk"].startswith("host#")]
        return max(hosts, key=lambda row: int(row["generation"]))

    def inventory(self) -> list[str]:
        return twins.inventory(self.twin.state)

    def instances(self, name: str) -> list[str]:
        """The instances that are not terminated."""
        found = self.client("ec2").describe_instances(
            Filters=[
                {"Name": "tag:lamplighter:deployment", "Values": [name]},
                {
                    "Name": "instance-state-name",
                    "Values": ["pending", "running", "stopping", "stopped"],
                },
            ]
        )
        return [i["InstanceId"] for r in found["Reservations"] for i in r["Instances"]]

    @contextmanager
    def counted(self) -> Iterator[list[str]]:
        """Collect the creating AWS calls made inside the block."""
        calls: list[str] = []
        before = len(self.twin.journal.read_text("utf-8").splitlines())
        yield calls
        for line in self.twin.journal.read_text("utf-8").splitlines()[before:]:
            call = json.loads(line)
            if call["service"] not in BOOKKEEPING and call["operation"].startswith(CREATING):
                calls.append(f"{call['service']}.{call['operation']}")

    def ask(self, name: str, question: str = "Who are you?") -> str:
        """A chat completion with the OpenAI SDK, by the endpoint's public name."""
        origin = self.origin(name)
        with openai.OpenAI(base_url=f"{origin}/v1", api_key=self.api_key(name)) as client:
            model = client.models.list().data[0].id
            answer = client.chat.completions.create(
                model=model, messages=[{"role": "user", "content": question}]
            )
        return answer.choices[0].message.content or ""

    def get(self, name: str, path: str) -> Any:
        """A JSON document of the endpoint that needs no key."""
        return httpx.get(f"{self.origin(name)}{path}").json()

    def origin(self, name: str) -> str:
        """Where the public endpoint is on this machine."""
        endpoint = self.deployment(name)["endpoint"]
        return eventually(self.origins, lambda known: endpoint in known, 10)[endpoint]

    def origins(self) -> dict[str, str]:
        """Where each public origin is on this machine, now."""
        found: dict[str, str] = json.loads(self.twin.origins.read_text("utf-8"))
        return found

    def api_key(self, name: str) -> str:
        """The deployment's first key."""
        parameter = f"/lamplighter/{name}/api-key"
        found = self.client("ssm").get_parameter(Name=parameter, WithDecryption=True)
        return str(found["Parameter"]["Value"])

    # -- AWS itself --------------------------------------------------------------------------

    def client(self, service: str) -> Any:
        return _client(service, self.twin.endpoint)

    def invoke(self, function: str, event: Any) -> Any:
        """Return the answer of one of the installation's functions, asked directly."""
        functions = self.client("lambda")
        [name] = [
            found["FunctionName"]
            for page in functions.get_paginator("list_functions").paginate()
            for found in page["Functions"]
            if f"-{function}Function-" in found["FunctionName"]
        ]
        answer = functions.invoke(FunctionName=name, Payload=json.dumps(event))
        said = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, said
        return said

    def fault(self, *calls: str, when: str = "before", do: str = "error", **facts: Any) -> None:
        """Plan one fault for the next of each such call, e.g. `ec2.CreateVpc`."""
        planned = {call: [{"when": when, "do": do, **facts}] for call in calls}
        self.twin.faults.write_text(json.dumps(planned), "utf-8")

    def struck(self) -> bool:
        """Whether every planned fault has happened."""
        planned = json.loads(self.twin.faults.read_text("utf-8") or "{}")
        return not any(planned.values())

    def report(self, name: str, phase: str, **facts: Any) -> None:
        """Put a host report on the bus in the place of the host."""
        detail = {"deployment": name, "instance_id": self.newest_host(name)["instance_id"]}
        source = f"lamplighter.host.{detail['deployment']}"
        self.put_event(source, "Host Report", {**detail, "phase": phase, **facts})

    def put_event(self, source: str, kind: str, detail: Any, **more: Any) -> None:
        bus = {"EventBusName": self.outputs["EventBusName"]} if source.startswith("lamp") else {}
        entry = {"Source": source, "DetailType": kind, "Detail": json.dumps(detail), **bus, **more}
        assert self.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


@functools.cache
def _client(service: str, endpoint: str) -> Any:
    """One per service: each keeps a connection to the local AWS open."""
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )
