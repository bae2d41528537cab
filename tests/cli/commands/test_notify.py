"""`lamplighter notify`: the webhook's parameter, and a test notice through the installation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from clilab.workflows import OUTPUTS, REGION

if TYPE_CHECKING:
    from clilab.fixture_types import Run
    from clilab.workflows import Workflows
    from mypy_boto3_ssm import SSMClient

pytestmark = pytest.mark.usefixtures("ledger")

NAME = "/lamplighter-notices/lamplighter/webhook"
URL = "https://hooks.slack.com/services/T0/B0/planted-secret"
SECRET = "planted-secret"
REACHES_NO_ONE = (
    "it reaches no one: set NotifyEmail in samconfig.toml and run `make deploy`, or run "
    "`lamplighter notify --webhook URL`"
)


@pytest.fixture
def ssm() -> SSMClient:
    return boto3.client("ssm", region_name=REGION)


def stored(ssm: SSMClient) -> tuple[str, str, dict[str, str]]:
    """Return the parameter's value, type and tags."""
    found = ssm.get_parameter(Name=NAME, WithDecryption=True)["Parameter"]
    tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=NAME)["TagList"]
    return found["Value"], found["Type"], {tag["Key"]: tag["Value"] for tag in tags}


@pytest.mark.parametrize(
    ("found", "lines"),
    [
        (
            {"confirmed": 2, "pending": 0, "webhook": True},
            ["a test notice is on its way to 2 subscriptions and the webhook"],
        ),
        (
            {"confirmed": 1, "pending": 1, "webhook": False},
            [
                "a test notice is on its way to 1 subscription and no webhook",
                "not confirmed yet: 1 subscription; AWS has sent each a link to confirm",
            ],
        ),
        (
            {"confirmed": 0, "pending": 0, "webhook": False},
            [
                "a test notice is on its way to 0 subscriptions and no webhook",
                REACHES_NO_ONE,
            ],
        ),
    ],
    ids=["all", "pending", "none"],
)
def test_a_test_notice_says_where_it_goes(
    lamplighter: Run, workflows: Workflows, found: dict[str, Any], lines: list[str]
) -> None:
    workflows.plan = ("", found)

    result = lamplighter("notify", "--test")

    assert (result.exit_code, result.stdout.splitlines()) == (0, lines)
    assert workflows.asked == {"verb": "test"}
    assert json.loads(lamplighter("--json", "notify", "--test").stdout) == found


def test_the_webhook_is_read_from_standard_input_and_never_shown(
    lamplighter: Run, ssm: SSMClient
) -> None:
    result = lamplighter("notify", "--webhook", "-", stdin=f"{URL}\n".encode())

    assert result.exit_code == 0, result.stderr
    assert stored(ssm) == (URL, "SecureString", {"lamplighter:installation": "lamplighter"})
    assert result.stdout == "the webhook is set; `lamplighter notify --test` tries it\n"
    assert SECRET not in result.stdout + result.stderr
    assert "--webhook - hides it" not in result.stderr


def test_a_webhook_on_the_command_line_is_set_with_a_warning(
    lamplighter: Run, ssm: SSMClient
) -> None:
    result = lamplighter("--json", "notify", "--webhook", URL)

    assert json.loads(result.stdout) == {"webhook": True}
    assert "other users of this machine can see" in json.loads(result.stderr)["say"]
    assert stored(ssm)[0] == URL


def test_another_webhook_replaces_the_first_one_and_keeps_the_tag(
    lamplighter: Run, ssm: SSMClient
) -> None:
    lamplighter("notify", "--webhook", URL)
    lamplighter("notify", "--webhook", "https://alerts.example.com/x")

    value, kind, tags = stored(ssm)
    assert (value, kind) == ("https://alerts.example.com/x", "SecureString")
    assert tags == {"lamplighter:installation": "lamplighter"}


def test_a_webhook_is_set_and_then_tried(
    lamplighter: Run, ssm: SSMClient, workflows: Workflows
) -> None:
    workflows.plan = ("", {"confirmed": 0, "pending": 0, "webhook": True})

    result = lamplighter("notify", "--webhook", URL, "--test")

    assert result.stdout.splitlines() == [
        "the webhook is set; `lamplighter notify --test` tries it",
        "a test notice is on its way to 0 subscriptions and the webhook",
    ]
    assert stored(ssm)[0] == URL


def test_the_webhook_is_removed_and_removing_none_is_fine(lamplighter: Run, ssm: SSMClient) -> None:
    lamplighter("notify", "--webhook", URL)

    results = [lamplighter("notify", "--no-webhook") for _ in range(2)]

    assert [r.stdout for r in results] == ["the webhook is removed\n", "there was no webhook\n"]
    with pytest.raises(ClientError, match="ParameterNotFound"):
        stored(ssm)


@pytest.mark.parametrize(
    "url",
    [
        *("", "planted-secret", "http://a.example/planted-secret", "https:///planted-secret"),
        *("https://u:planted-secret@a.example/", "https://a.example/planted-secret x"),
        *("https://a.example:0/planted-secret", "https://[planted-secret/"),
    ],
)
@pytest.mark.parametrize("way", ["option", "pipe"])
def test_a_wrong_url_is_refused_and_not_repeated(
    lamplighter: Run, ssm: SSMClient, url: str, way: str
) -> None:
    given = ("-", url.encode()) if way == "pipe" else (url, None)

    result = lamplighter("notify", "--webhook", given[0], stdin=given[1])

    assert result.exit_code == 2
    assert "https://HOST/..." in result.stderr
    assert SECRET not in result.stdout + result.stderr
    assert ssm.describe_parameters()["Parameters"] == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "say what to do: --test, --webhook URL or --no-webhook"),
        (["--webhook", URL, "--no-webhook"], "exclude each other"),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(
    lamplighter: Run, words: list[str], sentence: str
) -> None:
    result = lamplighter("notify", *words)

    assert result.exit_code == 2
    assert sentence in result.stderr


def test_an_earlier_installation_names_the_remedy(lamplighter: Run, workflows: Workflows) -> None:
    earlier = {name: value for name, value in OUTPUTS.items() if name != "NoticeFunction"}
    workflows.stacks = {"lamplighter": earlier}

    result = lamplighter("notify", "--webhook", "-", stdin=URL.encode())

    assert result.exit_code == 5
    assert "earlier version" in result.stderr
    assert "make deploy" in result.stderr


def test_a_test_that_fails_is_the_functions_error(lamplighter: Run, workflows: Workflows) -> None:
    error = {"errorType": "Refused", "errorMessage": "NotFound: Topic does not exist"}
    workflows.plan = ("Unhandled", error)

    result = lamplighter("notify", "--test")

    assert result.exit_code == 1
    assert "Topic does not exist" in result.stderr


@pytest.mark.parametrize(
    ("operation", "words", "action"),
    [
        ("PutParameter", ["--webhook", URL], "allow ssm:PutParameter and ssm:AddTagsToResource on"),
        ("DeleteParameter", ["--no-webhook"], "allow ssm:DeleteParameter on"),
    ],
)
def test_a_missing_right_is_named(
    lamplighter: Run,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    words: list[str],
    action: str,
) -> None:
    original = BaseClient._make_api_call  # type: ignore[attr-defined]

    def call(client: Any, name: str, parameters: Any) -> Any:
        if name == operation:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, name)
        return original(client, name, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)

    result = lamplighter("notify", *words)

    assert result.exit_code == 5
    assert f"{action} {NAME}" in result.stderr
    assert SECRET not in result.stderr
