from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from awssim import Account


@pytest.fixture
def codebuild(account: Account) -> Any:
    return account.client("codebuild")


@pytest.fixture
def repository(account: Account) -> str:
    with account.uncounted():
        account.client("ecr").create_repository(repositoryName="prod/gateway")
    return "prod/gateway"


def _start(codebuild: Any, repository: str, tag: str = "v1", **options: Any) -> dict[str, Any]:
    variables = {"REPOSITORY_NAME": repository, "IMAGE_TAG": tag}
    started: dict[str, Any] = codebuild.start_build(
        projectName="lamplighter-gateway",
        environmentVariablesOverride=[
            {"name": name, "value": value} for name, value in variables.items()
        ],
        **options,
    )["build"]
    return started


def _status(codebuild: Any, build: str) -> str:
    status: str = codebuild.batch_get_builds(ids=[build])["builds"][0]["buildStatus"]
    return status


def test_a_build_is_in_progress_for_a_minute_and_then_the_image_is_there(
    account: Account, codebuild: Any, repository: str
) -> None:
    build = _start(codebuild, repository)["id"]
    at_once = (_status(codebuild, build), account.inventory()["images"])

    account.clock.advance(60)

    assert at_once == ("IN_PROGRESS", [])
    assert _status(codebuild, build) == "SUCCEEDED"
    assert account.shape()["images"] == ["prod/gateway:v1"]


def test_the_image_is_there_even_if_nobody_watched_the_build(
    account: Account, codebuild: Any, repository: str
) -> None:
    _start(codebuild, repository)

    account.clock.advance(60)

    images = account.client("ecr").describe_images(repositoryName=repository)["imageDetails"]
    assert images[0]["imageTags"] == ["v1"]


def test_a_build_without_a_repository_to_push_to_fails(account: Account, codebuild: Any) -> None:
    build = _start(codebuild, "nowhere")["id"]

    account.clock.advance(60)

    assert _status(codebuild, build) == "FAILED"


def test_a_build_fails_when_the_test_says_so(
    account: Account, codebuild: Any, repository: str
) -> None:
    account.builds.outcome = "FAILED"
    build = _start(codebuild, repository)["id"]

    account.clock.advance(60)

    assert _status(codebuild, build) == "FAILED"
    assert account.inventory()["images"] == []


def test_a_stopped_build_pushes_nothing(account: Account, codebuild: Any, repository: str) -> None:
    build = _start(codebuild, repository)["id"]

    codebuild.stop_build(id=build)
    account.clock.advance(60)

    assert _status(codebuild, build) == "STOPPED"
    assert account.inventory()["images"] == []


def test_the_same_token_starts_one_build(codebuild: Any, repository: str) -> None:
    first = _start(codebuild, repository, idempotencyToken="one")

    second = _start(codebuild, repository, idempotencyToken="one")

    assert second["id"] == first["id"]
    with pytest.raises(ClientError, match="InvalidInputException"):
        _start(codebuild, repository, tag="v2", idempotencyToken="one")


def test_an_unknown_build_is_listed_as_not_found(codebuild: Any) -> None:
    found = codebuild.batch_get_builds(ids=["lamplighter-gateway:0"])

    assert found["builds"] == []
    assert found["buildsNotFound"] == ["lamplighter-gateway:0"]


@pytest.fixture
def versions(account: Account) -> list[str]:
    """The two versions of an archive: b"1" and b"2"."""
    s3 = account.client("s3")
    with account.uncounted():
        s3.create_bucket(Bucket="sources")
        s3.put_bucket_versioning(Bucket="sources", VersioningConfiguration={"Status": "Enabled"})
        stored = [s3.put_object(Bucket="sources", Key="a.zip", Body=b) for b in (b"1", b"2")]
    return [each["VersionId"] for each in stored]


def _source(**options: Any) -> dict[str, Any]:
    return {"sourceTypeOverride": "S3", "sourceLocationOverride": "sources/a.zip", **options}


def test_a_build_gets_the_version_it_names_else_the_newest(
    account: Account, codebuild: Any, repository: str, versions: list[str]
) -> None:
    old = _start(codebuild, repository, "v1", **_source(sourceVersion=versions[0]))
    new = _start(codebuild, repository, "v2", **_source())

    assert account.builds.sources == {old["id"]: b"1", new["id"]: b"2"}


def test_a_build_without_its_source_fails(
    account: Account, codebuild: Any, repository: str, versions: list[str]
) -> None:
    build = _start(codebuild, repository, **_source(sourceLocationOverride="sources/b.zip"))

    account.clock.advance(60)

    assert _status(codebuild, build["id"]) == "FAILED"
