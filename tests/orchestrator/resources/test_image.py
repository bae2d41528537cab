"""The image's build: exactly our source, in a bucket of our account, or none."""

from __future__ import annotations

import pytest
from awssim import Crash, error
from awssim.clients import ACCOUNT_ID, REGION
from orchestrator.errors import BuildFailed, Refused
from orchestrator.resources import bucket, image, registry, scripts

ATTACKER = "210987654321"
PLANTED = b"another Dockerfile"


@pytest.fixture
def ready(workflow, account):
    """Everything that the build needs."""
    with account.uncounted():
        workflow.start()
        workflow.ensure(registry, bucket)
    return workflow


def where(workflow):
    return bucket.name_of(workflow.clients, workflow.ledger.name)


def test_a_planted_archive_is_not_built(ready, account):
    """Neither one that lies there already, nor one that comes between upload and build."""
    s3 = ready.clients.s3

    def plant(call):
        if call.operation == "StartBuild":
            with account.uncounted():
                s3.put_object(Bucket=where(ready), Key=key, Body=PLANTED)
        return False

    ours = ready.run(lambda clients, _, __: image.archive(clients.settings.payload), image)
    key = f"source/gateway-{image.tag_of(ours)}.zip"
    s3.put_object(Bucket=where(ready), Key=key, Body=PLANTED)
    account.fault(where=plant, crash=True)

    ready.ensure(image)

    assert list(account.builds.sources.values()) == [ours]
    assert s3.get_object(Bucket=where(ready), Key=key)["Body"].read() == PLANTED


def test_a_build_that_named_no_version_is_started_again(ready, account):
    """An earlier release of ours started it from whatever lay in the bucket."""
    ours = ready.run(lambda clients, _, __: image.archive(clients.settings.payload), image)
    ready.ledger.intend("image", tag=image.tag_of(ours), token="t", build="lamplighter-gateway:old")

    ready.ensure(image)

    assert list(account.builds.sources.values()) == [ours]


def test_a_lost_reply_to_the_start_builds_once(ready, account):
    account.fault(operation="StartBuild", when="after", crash=True)
    with pytest.raises(Crash):
        ready.ensure(image)

    ready.ensure(image)

    assert len(account.builds.sources) == 1


@pytest.mark.parametrize("module", [image, scripts], ids=["image", "scripts"])
def test_a_bucket_of_another_account_gets_and_gives_nothing(workflow, account, module):
    workflow.start()
    workflow.ensure(registry)
    workflow.ledger.ready("image", uri="registry/gateway:tag", tag="of another build")
    account.buckets.plant(where(workflow), owner=ATTACKER, region=REGION)

    with pytest.raises(Refused, match="AccessDenied"):
        workflow.ensure(module)

    assert "StartBuild" not in {call.operation for call in account.calls}


def test_every_call_to_the_bucket_names_its_owner(ready, account):
    ready.ensure(image, scripts)

    named = {
        call.operation: call.parameters.get("ExpectedBucketOwner")
        for call in account.calls
        if call.service == "s3"
    }
    assert named == dict.fromkeys(("PutObject", "ListObjectsV2"), ACCOUNT_ID)


def test_a_bucket_without_versions_is_refused(ready, account):
    ready.clients.s3.put_bucket_versioning(
        Bucket=where(ready), VersioningConfiguration={"Status": "Suspended"}
    )

    with pytest.raises(Refused, match="enable versioning"):
        ready.ensure(image)


def test_a_failed_build_is_started_again_by_the_next_workflow(ready, account):
    account.builds.outcome = "FAILED"
    with pytest.raises(BuildFailed, match="ended FAILED"):
        ready.ensure(image)
    account.builds.outcome = "SUCCEEDED"

    assert ready.ensure(image)["uri"]


def test_an_account_whose_builds_are_held_back_is_refused_at_once(ready, account):
    held = "Cannot have more than 0 builds in queue for the account"
    account.fault(operation="StartBuild", error=error("AccountLimitExceededException", held))

    with pytest.raises(Refused, match="only AWS Support lifts it"):
        ready.ensure(image)


def test_the_image_is_named_by_the_repositorys_own_address(ready):
    name = "lamplighter/demo/gateway"
    [found] = ready.clients.ecr.describe_repositories(repositoryNames=[name])["repositories"]

    uri = ready.ensure(image)["uri"]

    assert uri.rpartition(":")[0] == found["repositoryUri"]
