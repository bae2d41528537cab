from __future__ import annotations

from typing import TYPE_CHECKING

import botocore.exceptions
import pytest
from botocore.exceptions import ClientError
from lamplighter.aws import account, refusals

if TYPE_CHECKING:
    from pathlib import Path

    import boto3
    from clilab.fixture_types import Run
    from clilab.workflows import Workflows


@pytest.mark.usefixtures("ledger")
def test_a_missing_stack_says_how_to_install_or_choose(lamplighter: Run) -> None:
    result = lamplighter("--stack", "other", "status")

    assert result.exit_code == 5
    assert "region us-east-1 of this account has no stack 'other': run `make deploy`" in (
        result.stderr
    )


@pytest.mark.usefixtures("ledger")
def test_the_stacks_name_may_come_from_the_environment(
    lamplighter: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMPLIGHTER_STACK", "elsewhere")

    result = lamplighter("status")

    assert "'elsewhere'" in result.stderr


@pytest.mark.usefixtures("ledger")
def test_a_foreign_stack_is_recognised_by_its_outputs(
    lamplighter: Run, workflows: Workflows
) -> None:
    workflows.stacks["website"] = {"Url": "https://example.com"}

    result = lamplighter("--stack", "website", "status")

    assert result.exit_code == 5
    assert "the stack 'website' has no output 'ProvisionArn'" in result.stderr


def test_an_unreachable_aws_is_one_sentence(
    lamplighter: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)

    result = lamplighter("--region", "us-east-1", "status")

    assert result.exit_code == 5
    assert result.stderr.startswith("lamplighter: AWS is not reachable: ")
    assert result.stderr.count("\n") == 1


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody: no credentials, no region, no configuration."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION",
                 "AWS_PROFILE", "AWS_ENDPOINT_URL"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.usefixtures("stranger")
def test_no_credentials_is_one_sentence_that_says_what_to_do(lamplighter: Run) -> None:
    result = lamplighter("--region", "us-east-1", "status")

    assert result.exit_code == 5
    assert result.stderr == (
        "lamplighter: no usable AWS credentials were found: run `aws login`, `aws sso login` or"
        " `aws configure`, or name a profile with --profile or AWS_PROFILE\n"
    )


@pytest.mark.usefixtures("stranger")
def test_no_region_is_one_sentence_that_says_what_to_do(lamplighter: Run) -> None:
    result = lamplighter("status")

    assert result.exit_code == 5
    assert "no AWS region is set: pass --region" in result.stderr


@pytest.mark.usefixtures("stranger")
@pytest.mark.parametrize(
    ("arguments", "variables", "region"),
    [
        (["--region", "eu-west-1"], {"AWS_REGION": "eu-west-2"}, "eu-west-1"),
        ([], {"AWS_REGION": "eu-west-2", "AWS_DEFAULT_REGION": "eu-west-3"}, "eu-west-2"),
        ([], {"AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-west-3"}, "eu-west-3"),
        ([], {"AWS_REGION": "eu-west-2", "AWS_PROFILE": "there"}, "eu-west-2"),
        ([], {"AWS_PROFILE": "there"}, "eu-north-1"),
        (["--profile", "there"], {}, "eu-north-1"),
        (["--profile", "there"], {"AWS_PROFILE": "gone"}, "eu-north-1"),
    ],
)
def test_the_region_is_chosen_as_the_aws_sdks_choose_it(
    lamplighter: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: list[str],
    variables: dict[str, str],
    region: str,
) -> None:
    (tmp_path / "config").write_text("[profile there]\nregion = eu-north-1\n")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    sessions: list[str | None] = []

    def stop(session: boto3.Session, *_: object) -> None:
        sessions.append(session.region_name)
        raise KeyboardInterrupt

    monkeypatch.setattr(account, "_outputs", stop)

    lamplighter(*arguments, "status")

    assert sessions == [region]


@pytest.mark.usefixtures("stranger")
def test_a_login_profile_without_awscrt_says_what_to_install(
    lamplighter: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = "[profile me]\nregion = eu-west-1\nlogin_session = arn:aws:iam::123456789012:user/me\n"
    (tmp_path / "config").write_text(text)
    monkeypatch.setattr("botocore.credentials.EC", None)

    result = lamplighter("--profile", "me", "status")

    assert result.exit_code == 5
    assert "needs the Python package awscrt: run `pip install 'boto3[crt]'`" in result.stderr


@pytest.mark.usefixtures("stranger")
def test_a_login_that_has_ended_says_how_to_sign_in_again_with_the_same_profile(
    lamplighter: Run, tmp_path: Path
) -> None:
    text = "[profile me]\nregion = eu-west-1\nlogin_session = arn:aws:iam::123456789012:user/me\n"
    (tmp_path / "config").write_text(text)

    result = lamplighter("--profile", "me", "status")

    assert result.exit_code == 5
    assert "run `aws --profile me login`" in result.stderr


@pytest.mark.usefixtures("stranger")
def test_an_unknown_profile_is_named(lamplighter: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")

    result = lamplighter("--region", "us-east-1", "status")

    assert result.exit_code == 5
    assert "nobody" in result.stderr


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("AccessDeniedException", "AWS does not allow StartExecution to these credentials: no"),
        ("ExpiredTokenException", "AWS does not accept these credentials (ExpiredToken"),
        ("ThrottlingException", "AWS refused StartExecution (ThrottlingException): no"),
    ],
)
def test_a_no_of_aws_is_explained(code: str, sentence: str) -> None:
    refused = ClientError({"Error": {"Code": code, "Message": "no"}}, "StartExecution")

    assert sentence in str(refusals.explain(refused))


def test_every_error_of_botocore_has_a_sentence() -> None:
    ended = botocore.exceptions.UnauthorizedSSOTokenError()

    assert "the AWS login has ended: run `aws login`" in str(refusals.explain(ended))
    assert refusals.explain(botocore.exceptions.DataNotFoundError(data_path="x")).exit_code == 5
