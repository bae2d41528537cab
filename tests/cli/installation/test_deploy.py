"""`make deploy` and `make undeploy`, with a sam that logs its calls; boto3's clients are real."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result
from lamplighter.installation import lambda_python, sam
from lamplighter.installation.stack import stack

if TYPE_CHECKING:
    from pathlib import Path

    from clilab.workflows import Workflows

SAM = """\
#!{python}
import json, os, sys
with open({log!r}, "a") as log:
    seen = {{name: os.environ.get(name) for name in ("PATH", "SAM_CLI_TELEMETRY", "AWS_PROFILE")}}
    log.write(json.dumps([sys.argv[1:], seen]) + "\\n")
sys.exit(1 if sys.argv[1] in {failing!r} else 0)
"""
PLACE = ["--region", "us-east-1"]
Sam = Callable[..., Callable[[], list[Any]]]


def program(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)
    return file


@pytest.fixture
def fake_sam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sam:
    """Install a sam whose commands `failing` fail; return what reads its log."""

    def install(*failing: str) -> Callable[[], list[Any]]:
        log = tmp_path / "sam.log"
        text = SAM.format(python=sys.executable, log=str(log), failing=failing)
        monkeypatch.setattr(sam, "PROGRAM", program(tmp_path / "sam", text))
        return lambda: [json.loads(line) for line in log.read_text().splitlines()]

    return install


@pytest.fixture
def python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A python3.12 that runs; the only one, and on PATH."""
    answer = f"printf '3.12\\n%s\\n' {tmp_path}/own/python3.12"
    found = program(tmp_path / "own" / "python3.12", f"#!/bin/sh\n{answer}\n")
    monkeypatch.setenv("PATH", f"{found.parent}:/usr/bin:/bin")
    return found


def run(*words: str) -> Result:
    return CliRunner(mix_stderr=False).invoke(stack, words, prog_name="lamplighter")


@pytest.mark.usefixtures("ledger")
def test_a_deployment_is_announced_built_deployed_and_protected(
    fake_sam: Sam, python: Path, workflows: Workflows
) -> None:
    log = fake_sam()

    done = run("deploy")

    assert done.exit_code == 0, done.stderr
    where = "stack 'lamplighter', account 123456789012, region us-east-1"
    assert done.stdout.splitlines()[0].startswith(f"installing: {where}, as arn:aws:sts::")
    assert [words for words, _ in log()] == [
        ["build", *PLACE],
        ["deploy", "--stack-name", "lamplighter", *PLACE],
    ]
    assert workflows.protected == {"lamplighter": True}


@pytest.mark.usefixtures("ledger", "python")
def test_sam_finds_the_interpreter_first_and_sends_no_telemetry(
    fake_sam: Sam, python: Path
) -> None:
    log = fake_sam()

    run("deploy", "--yes")

    (_, build), (words, deploy) = log()
    assert build["PATH"].split(os.pathsep)[0] == str(python.parent)
    assert build["SAM_CLI_TELEMETRY"] == deploy["SAM_CLI_TELEMETRY"] == "0"
    assert "--no-confirm-changeset" in words


@pytest.mark.usefixtures("ledger", "python")
def test_the_region_that_is_shown_is_the_one_that_sam_uses(
    fake_sam: Sam, monkeypatch: pytest.MonkeyPatch
) -> None:
    """boto3 and sam do not read AWS_REGION; sam prefers AWS_DEFAULT_REGION to its own file."""
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    log = fake_sam("build")

    named, environment = run("deploy", "--region", "eu-west-1"), run("deploy")

    assert "region eu-west-1" in named.stdout
    assert "region eu-central-1" in environment.stdout
    assert [words[-1] for words, _ in log()] == ["eu-west-1", "eu-central-1"]


@pytest.mark.usefixtures("ledger", "python")
def test_what_samconfig_says_is_used_where_nothing_else_says_it(
    fake_sam: Sam, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, workflows: Workflows
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_PROFILE", "")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    keys = "aws_access_key_id = a\naws_secret_access_key = b\n"
    (tmp_path / "config").write_text(f"[profile work]\nregion = us-west-1\n{keys}")
    config = '[default.global.parameters]\nstack_name = "mine"\nprofile = "work"\n'
    config += '[default.deploy.parameters]\nregion = "eu-north-1"\n'
    monkeypatch.setattr(sam, "CONFIG", tmp_path / "samconfig.toml")
    sam.CONFIG.write_text(config)
    workflows.stacks["mine"] = workflows.stacks["lamplighter"]
    log = fake_sam()

    done = run("deploy")

    assert "stack 'mine', account 123456789012, region eu-north-1" in done.stdout, done.stderr
    place = ["--region", "eu-north-1", "--profile", "work"]
    assert [words for words, _ in log()][1] == ["deploy", "--stack-name", "mine", *place]


def test_everything_that_is_missing_is_said_at_once_before_anything_is_built(
    fake_sam: Sam, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(lambda_python, "sys", type("Elsewhere", (), {"executable": "/x/python"}))
    fake_sam()

    done = run("deploy")

    assert done.exit_code == 5
    python, credentials, region = done.stderr.splitlines()
    assert "python3.12 with pip was not found" in python
    assert "`uv python install 3.12`" in python
    assert "no usable AWS credentials were found: run `aws" in credentials
    assert region == "no AWS region is set: set AWS_REGION, e.g. AWS_REGION=eu-central-1"
    assert not (tmp_path / "sam.log").exists()


@pytest.mark.usefixtures("ledger", "python")
@pytest.mark.parametrize(
    ("failing", "said"),
    [("build", "nothing was changed in AWS"), ("deploy", "region us-east-1 is CREATE_COMPLETE")],
)
def test_a_failure_of_sam_ends_it_and_protects_nothing(
    fake_sam: Sam, workflows: Workflows, failing: str, said: str
) -> None:
    log = fake_sam(failing)

    done = run("deploy")

    assert done.exit_code == 1
    assert f"`sam {failing}` failed" in done.stderr
    assert said in done.stderr
    assert log()[-1][0][0] == failing
    assert workflows.protected == {}


@pytest.mark.usefixtures("ledger", "python")
@pytest.mark.parametrize("status", ["REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "absent"])
def test_a_change_set_that_was_declined_is_no_installation(
    fake_sam: Sam, workflows: Workflows, status: str
) -> None:
    """sam ends well when the question whether to deploy is answered with no."""
    workflows.statuses["lamplighter"] = status
    if status == "absent":
        workflows.stacks.clear()
    fake_sam()

    done = run("deploy")

    assert done.exit_code == 130
    assert "nothing was installed: stack 'lamplighter', account 1234" in done.stderr
    assert done.stderr.rstrip().endswith(f"is {status}")
    assert workflows.protected == {}


@pytest.mark.usefixtures("ledger", "python")
def test_a_stack_that_stays_as_before_a_failed_update_is_installed_and_protected(
    fake_sam: Sam, workflows: Workflows
) -> None:
    """sam ends well without changes, or when its question is answered with no."""
    workflows.statuses["lamplighter"] = "UPDATE_ROLLBACK_COMPLETE"
    fake_sam()

    done = run("deploy")

    assert done.exit_code == 0, done.stderr
    assert "nothing was changed: what was there before the last failed update" in done.stdout
    assert "installed: stack 'lamplighter'" in done.stdout
    assert workflows.protected == {"lamplighter": True}


@pytest.mark.usefixtures("serving")
def test_nothing_is_touched_while_a_deployment_is_live(
    fake_sam: Sam, workflows: Workflows, tmp_path: Path
) -> None:
    workflows.protected["lamplighter"] = True
    fake_sam()

    done = run("undeploy")

    assert done.exit_code == 4
    assert "deployments are live: prod: take them down first (`lamplighter --region us-east-1 " in (
        done.stderr
    )
    assert workflows.protected == {"lamplighter": True}
    assert not (tmp_path / "sam.log").exists()


@pytest.mark.usefixtures("serving")
def test_the_remedy_for_a_live_deployment_names_the_stack_and_the_region(
    fake_sam: Sam, workflows: Workflows
) -> None:
    workflows.stacks["other"] = workflows.stacks["lamplighter"]
    fake_sam()

    done = run("undeploy", "--stack", "other", *PLACE)

    assert "`lamplighter --region us-east-1 --stack other down prod`" in done.stderr


def test_a_removal_switches_the_protection_off_and_deletes(
    serving: Any, fake_sam: Sam, workflows: Workflows, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving.put_item(Item={"pk": "prod", "sk": "deployment", "status": "absent"})
    workflows.protected["lamplighter"] = True
    log = fake_sam()
    run_sam = sam.run

    def deleting(*arguments: Any, **more: Any) -> int:
        assert workflows.protected == {"lamplighter": False}
        workflows.stacks.clear()
        return run_sam(*arguments, **more)

    monkeypatch.setattr(sam, "run", deleting)

    done = run("undeploy", "--yes")

    assert done.exit_code == 0, done.stderr
    assert "removed: stack 'lamplighter'" in done.stdout
    [(words, _)] = log()
    assert words == ["delete", "--stack-name", "lamplighter", "--no-prompts", *PLACE]


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("was_protected", [True, False])
@pytest.mark.parametrize("failing", ["delete", "nothing"])
def test_a_stack_that_stays_is_as_protected_as_before(
    fake_sam: Sam, workflows: Workflows, failing: str, *, was_protected: bool
) -> None:
    """sam ends well, too, when its question is answered with no."""
    workflows.protected["lamplighter"] = was_protected
    fake_sam(failing)

    done = run("undeploy")

    assert done.exit_code == 1
    assert "the stack was not removed: stack 'lamplighter'" in done.stderr
    assert workflows.protected == {"lamplighter": was_protected}


@pytest.mark.usefixtures("ledger")
def test_a_stack_that_is_not_there_is_not_removed(fake_sam: Sam, workflows: Workflows) -> None:
    workflows.stacks.clear()

    done = run("undeploy")

    assert done.exit_code == 5
    assert "there is nothing to remove: stack 'lamplighter'" in done.stderr


@pytest.mark.usefixtures("ledger")
def test_a_stack_that_never_came_up_has_no_ledger_to_ask(
    fake_sam: Sam, workflows: Workflows
) -> None:
    workflows.stacks["lamplighter"] = {}
    workflows.statuses["lamplighter"] = "ROLLBACK_COMPLETE"
    log = fake_sam()

    run("undeploy")

    assert log()[0][0][0] == "delete"
