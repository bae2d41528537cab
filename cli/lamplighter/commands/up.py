"""`lamplighter up`: provision a deployment and watch it until it serves."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from lamplighter.aws import ledger, origins, refusals
from lamplighter.aws.account import Account
from lamplighter.command_line import consent
from lamplighter.command_line.options import Options, example, pass_options
from lamplighter.commands import plan
from lamplighter.deployments import changes, spec_file, workflows
from lamplighter.deployments.workflows import Running
from lamplighter.errors import BadSpec, Conflict
from lamplighter.screens.screen import Screen, plain

_WAITED_FOR = {"repair": "repaired", "start": "started", "stop": "stopped"}


@click.command(
    epilog=example(
        "lamplighter up prod.yaml", "lamplighter up prod.yaml --yes", "lamplighter key prod"
    )
)
@click.argument("spec", type=click.Path(allow_dash=True))
@plan.model_config_option
@consent.yes_option
@pass_options
def up(options: Options, spec: str, model_config: Path | None, *, yes: bool) -> None:
    """Provision or change a deployment, watch until it serves.

    SPEC is a YAML or JSON file, or - for standard input. What `plan` finds is shown in short
    first. Where the deployment serves with another specification, the differences are shown and
    asked about. Twice is once; when a provisioning of the same specification is already running,
    that one is watched.
    """
    document = spec_file.read(spec)
    config = plan.read_model_config(model_config) if model_config else None
    account, screen = options.account(), options.screen()
    output = carry_out(account, screen, document, config, yes=yes)
    here = origins.here(output["endpoint"], account.origins)
    screen.answer(output | {"here": here}, *map(plain, _story(options, document, output, here)))


def carry_out(
    account: Account,
    screen: Screen,
    document: Mapping[str, Any],
    config: Mapping[str, Any] | None = None,
    *,
    yes: bool,
) -> dict[str, Any]:
    """Plan, ask where something that serves is changed, and provision; return the output."""
    asked_by = ""
    if not workflows.running(account, _name(document)):
        planned = _foresee(account, screen, document, config, yes=yes)
        asked_by = account.caller() if "change" in planned else ""  # an earlier version refuses it
    return provision(account, screen, document, asked_by)


def provision(
    account: Account, screen: Screen, document: Mapping[str, Any], asked_by: str = ""
) -> dict[str, Any]:
    """Return the workflow's output; join the one that runs already, if it does the same."""
    name = _name(document)
    while other := workflows.running(account, name):
        if other.verb == "provision":
            _refuse_another(other, name, document)
            screen.say(f"{name} is being provisioned already: watching {other.execution}")
            return workflows.watch(account, screen, other.execution, name)
        _wait_for(account, screen, other, name)
    asked = dict(document) | ({"asked_by": asked_by} if asked_by else {})
    return workflows.run(account, screen, "provision", name, asked)


def _name(document: Mapping[str, Any]) -> str:
    return str(document.get("name") or "unnamed")


def _foresee(
    account: Account,
    screen: Screen,
    document: Mapping[str, Any],
    config: Mapping[str, Any] | None,
    *,
    yes: bool,
) -> dict[str, Any]:
    """Return the plan; say its cost and which checks did not pass. BadSpec: one has failed.

    What serves is changed after a question only. Who may start a workflow need not be allowed to
    plan: the workflow checks the same.
    """
    try:
        with screen.busy("checking what it costs and whether it can work"):
            planned = plan.ask(account, document, config)
    except refusals.AwsError as error:
        if refusals.code(error) not in refusals.NOT_ALLOWED:
            raise
        screen.say(f"not planned first: {refusals.explain(error)}")
        _agree_unplanned(account, _name(document), yes=yes)
        return {}
    checks = [check for check in plan.checks(planned) if check["result"] != "pass"]
    said = [f"{check['result']}: {check['name']}: {plan.text(check)}" for check in checks]
    if failed := [line for line in said if line.startswith("fail")]:
        raise BadSpec("\n".join(["this cannot work:", *failed]))
    change = planned.get("change")
    for line in (*said, *(changes.described(change) if change else ()), plan.summary(planned)):
        screen.say(line)
    if change:
        consent.require(changes.consequence(_name(document), account.place, change), yes=yes)
    return planned


def _agree_unplanned(account: Account, name: str, *, yes: bool) -> None:
    found = ledger.deployment(account.ledger(), name)
    if found and found.served_at and found.desired == "present":
        consent.require(f"{name} serves, and what this changes of it is not known", yes=yes)


def _refuse_another(other: Running, name: str, document: Mapping[str, Any]) -> None:
    running = {k: v for k, v in json.loads(other.document).items() if k != "asked_by"}
    if running != document:
        raise Conflict(
            f"{name} is being provisioned with another specification: wait for its end, or stop it "
            f"with `lamplighter down {name}`",
            execution=other.execution,
        )


def _wait_for(account: Account, screen: Screen, other: Running, name: str) -> None:
    """Watch a repair or a start to its end, as it may well make it serve, and a stop; a teardown
    means the opposite.
    """
    if other.verb not in _WAITED_FOR:
        raise Conflict(
            f"a {other.verb} of {name} is running: wait for its end (`lamplighter events {name} "
            "--follow` shows it), then run `lamplighter up` again",
            execution=other.execution,
        )
    screen.say(f"{name} is being {_WAITED_FOR[other.verb]}: watching {other.execution}")
    workflows.watch(account, screen, other.execution, name)


def _story(
    options: Options, document: Mapping[str, Any], output: Mapping[str, Any], here: str
) -> list[str]:
    name, endpoint = output["name"], output["endpoint"]
    if output.get("changed", True):
        first = f"{name} is serving at {endpoint} after {output['seconds']} s"
    else:
        first = f"{name} is already serving at {endpoint}, nothing changed"
    key = options.command(f"key {name}")
    signs_itself = here == endpoint and not (document.get("dns") or {}).get("domain")
    insecure = "--insecure " if signs_itself else ""
    asked = {
        "model": document.get("model"),
        "messages": [{"role": "user", "content": "Hello"}],
    }
    curl = (
        f"""printf 'Authorization: Bearer %s' "$({key})" | """
        f"curl {insecure}{here}/v1/chat/completions -H @-"
        f' -H "Content-Type: application/json" -d {shlex.quote(json.dumps(asked))}'
    )
    return [
        first,
        *([f"  here:     {here}"] if here != endpoint else []),
        f"  API key:  {key}",
        f"  try it:   {curl}",
    ]
