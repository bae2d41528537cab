"""What `make deploy` and `make undeploy` do around the SAM CLI.

Whatever can be missing is looked at before anything is built, and the stack that was installed is
protected: CloudFormation deletes part of it before the guard of live deployments can refuse.
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from lamplighter.aws import ledger, refusals
from lamplighter.aws.account import connect
from lamplighter.command_line.boundary import Boundary
from lamplighter.command_line.options import Options
from lamplighter.errors import Conflict, Interrupted, LamplighterError, Unavailable, WorkflowFailed
from lamplighter.installation import lambda_python, sam

# An update that failed was undone: what was installed before it works on.
_UNDONE = "UPDATE_ROLLBACK_COMPLETE"
_INSTALLED = {"CREATE_COMPLETE", "UPDATE_COMPLETE", _UNDONE}
# No stack of this kind has a ledger to look into.
_NEVER_INSTALLED = {"REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"}

_stack = click.option("--stack", help="Its name; default: samconfig.toml's.")
_region = click.option("--region", help="AWS region; else AWS's own settings, or samconfig.toml's.")
_profile = click.option("--profile", help="Profile of AWS's own configuration.")
_yes = click.option("--yes", is_flag=True, help="Ask nothing.")


@click.group(cls=Boundary)
def stack() -> None:
    """Install Lamplighter into an AWS account, or remove it."""


@stack.command()
@_stack
@_region
@_profile
@_yes
def deploy(stack: str | None, region: str | None, profile: str | None, *, yes: bool) -> None:
    """Build the functions, create or update the stack, and protect it from deletion."""
    python, found = _needed(stack, region, profile)
    click.echo(f"installing: {found}, as {found.caller}, built by {python}")
    environment = lambda_python.first_on_path(python, os.environ)
    if sam.run(found, "build", environment=environment):
        raise WorkflowFailed("`sam build` failed, see above; nothing was changed in AWS")
    asking = ["--no-confirm-changeset"] if yes else []
    if sam.run(found, "deploy", "--stack-name", found.stack, *asking):
        raise WorkflowFailed(f"`sam deploy` failed, see above: {_state(found)}")
    status = found.state().status
    if status not in _INSTALLED:
        raise Interrupted(f"nothing was installed: {found} is {status}")
    found.protect(on=True)
    if status == _UNDONE:
        click.echo("nothing was changed: what was there before the last failed update is in force")
    click.echo(f"installed: {found}; protected from deletion until `make undeploy`")


@stack.command()
@_stack
@_region
@_profile
@_yes
def undeploy(stack: str | None, region: str | None, profile: str | None, *, yes: bool) -> None:
    """Delete the stack, unless a deployment is live."""
    found = sam.target(stack, region, profile)
    before = found.state()
    if not before.is_there:
        raise Unavailable(f"there is nothing to remove: {_state(found)}")
    if before.status not in _NEVER_INSTALLED:
        _check_no_deployment_is_live(found)
    click.echo(f"removing: {found}, as {found.caller}")
    found.protect(on=False)
    try:
        ended = sam.run(found, "delete", "--stack-name", found.stack, *["--no-prompts"] * yes)
    finally:
        if before.is_protected and found.state().is_there:
            found.protect(on=True)
    if ended or found.state().is_there:
        raise WorkflowFailed(f"the stack was not removed: {_state(found)}")
    click.echo(f"removed: {found}")


def _needed(stack: str | None, region: str | None, profile: str | None) -> tuple[Path, sam.Target]:
    """Return the interpreter and the target; raise one error that names all that is missing."""
    missing: list[LamplighterError] = []
    try:
        python = lambda_python.find()
    except lambda_python.MissingPython as error:
        missing.append(error)
    try:
        found = sam.target(stack, region, profile)
    except Unavailable as error:
        missing.append(error)
    except refusals.AwsError as error:
        missing.append(refusals.explain(error))
    if missing:
        raise Unavailable("\n".join(str(error) for error in missing))
    return python, found


def _check_no_deployment_is_live(found: sam.Target) -> None:
    """Raise Conflict as the stack's own guard would, before anything is touched."""
    account = connect(found.stack, found.region, {}, found.profile)
    every = [one.deployment for one in ledger.everything(account.ledger())]
    if live := [one.name for one in every if one.status != "absent"]:
        here = Options(stack=found.stack, region=found.region, profile=found.profile)
        raise Conflict(
            f"deployments are live: {', '.join(live)}: take them down first "
            f"(`{here.command(f'down {live[0]}')}`), then run `make undeploy` again"
        )


def _state(found: sam.Target) -> str:
    return f"{found} is {found.state().status}"
