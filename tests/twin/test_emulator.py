"""The launcher: images of builds, parameters, stacks, events, the journal and the faults."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from twin.emulator import pinned

from .conftest import client_of, eventually, free_port

pytestmark = pytest.mark.twin
CANONICAL = "/aws/service/canonical/ubuntu/server"


def test_a_build_that_succeeds_has_pushed_its_image(account: Any) -> None:
    registry = account.client("ecr")
    registry.create_repository(repositoryName="twin/built")
    variables = {"REPOSITORY_NAME": "twin/built", "IMAGE_TAG": "abc123"}
    override = [{"name": name, "value": value} for name, value in variables.items()]

    build = account.client("codebuild").start_build(
        projectName=account.outputs["ImageProject"], environmentVariablesOverride=override
    )["build"]

    images = registry.describe_images(
        repositoryName="twin/built", imageIds=[{"imageTag": "abc123"}]
    )
    assert images["imageDetails"][0]["imageTags"] == ["abc123"]
    assert build["buildStatus"] == "SUCCEEDED"
    registry.delete_repository(repositoryName="twin/built", force=True)


def test_a_build_without_its_repository_fails(account: Any) -> None:
    variables = {"REPOSITORY_NAME": "twin/none", "IMAGE_TAG": "abc123"}
    override = [{"name": name, "value": value} for name, value in variables.items()]
    builds = account.client("codebuild")

    started = builds.start_build(
        projectName=account.outputs["ImageProject"], environmentVariablesOverride=override
    )["build"]

    assert builds.batch_get_builds(ids=[started["id"]])["builds"][0]["buildStatus"] == "FAILED"


def test_a_parameter_that_is_not_there_has_no_tags_to_list(account: Any) -> None:
    with pytest.raises(ClientError, match="InvalidResourceId"):
        account.client("ssm").list_tags_for_resource(
            ResourceType="Parameter", ResourceId="/lamplighter/none/api-key"
        )


@pytest.mark.parametrize(("release", "volume"), [("22.04", "gp2"), ("24.04", "gp3")])
def test_canonicals_parameters_name_an_image(account: Any, release: str, volume: str) -> None:
    name = f"{CANONICAL}/{release}/stable/current/amd64/hvm/ebs-{volume}/ami-id"

    image = account.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]

    [found] = account.client("ec2").describe_images(ImageIds=[image])["Images"]
    assert release in found["Name"]


def test_ref_of_an_instance_profile_is_its_name(account: Any) -> None:
    name = account.outputs["Profile"]

    profile = account.client("iam").get_instance_profile(InstanceProfileName=name)

    assert profile["InstanceProfile"]["InstanceProfileName"] == name


def test_the_journal_names_every_call_by_service_and_operation(account: Any) -> None:
    before = len(account.journal())
    account.client("ec2").describe_vpcs()
    account.client("s3").create_bucket(Bucket="twin-journal")
    account.client("s3").put_object(Bucket="twin-journal", Key="a/b", Body=b"x")
    account.client("s3").delete_object(Bucket="twin-journal", Key="a/b")
    account.client("s3").delete_bucket(Bucket="twin-journal")
    account.client("ssm").describe_parameters()
    account.client("route53").list_hosted_zones()

    written = [
        (each["service"], each["operation"], each["status"]) for each in account.journal()[before:]
    ]

    expected = [
        ("ec2", "DescribeVpcs", 200), ("s3", "CreateBucket", 200), ("s3", "PutObject", 200),
        ("s3", "DeleteObject", 204), ("s3", "DeleteBucket", 204),
        ("ssm", "DescribeParameters", 200), ("route53", "ListHostedZones", 200),
    ]  # fmt: skip
    assert written == expected


@pytest.mark.parametrize(
    ("service", "operation", "options"),
    [
        ("ec2", "DescribeRegions", {}),
        ("s3", "ListBuckets", {}),
        ("iam", "ListRoles", {}),
        ("dynamodb", "ListTables", {}),
        ("route53", "ListHostedZonesByName", {}),
        ("lambda", "ListFunctions", {}),
    ],
)
def test_a_planned_error_is_met_once_in_the_services_own_words(
    account: Any, service: str, operation: str, options: dict[str, Any]
) -> None:
    fault = {
        "when": "before",
        "do": "error",
        "code": "Throttling",
        "message": "slow",
        "status": 400,
    }
    account.plan_faults({f"{service}.{operation}": [fault]})
    client = account.client(service)
    call = getattr(client, {v: k for k, v in client.meta.method_to_api_mapping.items()}[operation])

    with pytest.raises(ClientError) as met:
        call(**options)
    call(**options)

    assert met.value.response["Error"]["Code"] == "Throttling"
    assert met.value.response["Error"]["Message"] == "slow"


def test_an_error_after_the_call_hides_an_effect_that_happened(account: Any) -> None:
    fault = {
        "when": "after",
        "do": "error",
        "code": "InternalError",
        "message": "lost",
        "status": 500,
    }
    account.plan_faults({"ssm.PutParameter": [fault]})
    parameters = account.client("ssm")

    with pytest.raises(ClientError, match="lost"):
        parameters.put_parameter(Name="/lost", Value="kept", Type="String")

    assert parameters.get_parameter(Name="/lost")["Parameter"]["Value"] == "kept"


def test_a_killed_worker_leaves_its_effect_and_an_aborted_execution(account: Any) -> None:
    ec2 = account.client("ec2")
    before = len(ec2.describe_vpcs()["Vpcs"])
    account.plan_faults({"ec2.CreateVpc": [{"when": "after", "do": "kill"}]})

    done = account.run({"do": "create"})

    worker = next(
        each["worker"] for each in reversed(account.journal()) if each["operation"] == "CreateVpc"
    )
    assert done["status"] == "ABORTED"
    assert len(ec2.describe_vpcs()["Vpcs"]) == before + 1
    eventually(lambda: Path(f"/proc/{worker}").exists(), lambda alive: not alive, 60)
    assert account.run({"do": "create"})["status"] == "SUCCEEDED"


def test_a_changed_ministack_is_noticed_at_start() -> None:
    with pytest.raises(pinned.MinistackChanged, match="review fix 'x'"):
        pinned.replaced("a a", "a", "b", fix="x")


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The environment of a second local AWS, as tests of permissions want it: no aws.* events."""
    port, state = free_port(), tmp_path_factory.mktemp("strict")
    command = [sys.executable, "-m", "twin.emulator", "--port", str(port), "--tied"]
    emulator = subprocess.Popen([*command, "--state", str(state)])
    environment = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
    eventually(lambda: is_up(environment), bool, 60)
    yield environment
    emulator.terminate()
    emulator.wait(20)


def is_up(environment: dict[str, str]) -> bool:
    try:
        client_of(environment, "sts").get_caller_identity()
    except Exception:  # noqa: BLE001 - any failure means not yet
        return False
    return True


def test_an_event_in_awss_name_is_refused_unless_asked_for(strict: Any) -> None:
    event = {"Source": "aws.ec2", "DetailType": "any", "Detail": "{}"}

    answer = client_of(strict, "events").put_events(Entries=[event])

    assert answer["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"
