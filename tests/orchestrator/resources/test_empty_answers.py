"""AWS answers a question about one thing with an empty list: too young to be visible, or gone."""

from __future__ import annotations

import pytest
from awssim import error
from orchestrator.errors import BuildFailed, InvalidRequest, Refused
from orchestrator.launch import machine_images
from orchestrator.resources import address, bucket, image, instance, network, registry

SETTLED = 3600  # virtual seconds; settle_seconds of the tests is 60


class Blind:
    """A client whose `operation` answers with an empty list, `times` times (None: always)."""

    def __init__(self, client, operation, key, times):
        self._client, self._operation, self._key, self.times = client, operation, key, times

    def __getattr__(self, name):
        asked = getattr(self._client, name)
        return self._answer if name == self._operation else asked

    def _answer(self, **parameters):
        answer = getattr(self._client, self._operation)(**parameters)
        by_id = not {"Filters", "Filter"} & set(parameters)
        if not by_id or self.times == 0:
            return answer
        self.times = None if self.times is None else self.times - 1
        return {**answer, self._key: []}


def blinded(workflow, service, operation, key, times=None):
    blind = Blind(getattr(workflow.clients, service), operation, key, times)
    workflow.clients.__dict__[service] = blind
    return blind


ONE_BY_ID = [
    ("ec2", "describe_route_tables", "RouteTables", network),
    ("ec2", "describe_security_groups", "SecurityGroups", network),
    ("ec2", "describe_addresses", "Addresses", address),
    ("ecr", "describe_repositories", "repositories", image),
]


def test_an_empty_answer_is_waited_for_while_the_thing_is_young(complete):
    for service, operation, key, module in ONE_BY_ID:
        complete.ledger.ready(role_of(operation), changed_at=complete.ledger.time())
        blind = blinded(complete, service, operation, key, times=2)

        complete.ensure(module)

        assert blind.times == 0, operation


def test_an_empty_answer_about_something_old_names_it_and_the_remedy(complete, account):
    account.clock.advance(SETTLED)
    for service, operation, key, module in ONE_BY_ID:
        seeing = complete.clients.__dict__[service]
        blinded(complete, service, operation, key)

        with pytest.raises(Refused, match=rf"{role_of(operation)} \S+: .* `up` makes"):
            complete.ensure(module)
        complete.clients.__dict__[service] = seeing


def role_of(operation):
    return {
        "describe_route_tables": "public-routes",
        "describe_security_groups": "firewall",
        "describe_addresses": "address-1",
        "describe_repositories": "registry",
    }[operation]


def test_an_empty_answer_about_the_repository_is_none_that_is_visible(complete):
    blind = blinded(complete, "ecr", "describe_repositories", "repositories", times=2)

    complete.ensure(registry)

    assert blind.times == 0


def test_an_instance_that_is_gone_is_not_waited_for_but_followed(complete, account):
    account.clock.advance(SETTLED)
    blinded(complete, "ec2", "describe_instances", "Reservations")

    assert complete.ensure(instance)["generation"] == complete.ledger.serving().generation + 1


def test_a_build_that_is_not_visible_yet_is_waited_for(workflow):
    workflow.start()
    workflow.ensure(registry, bucket)
    blind = blinded(workflow, "codebuild", "batch_get_builds", "builds", times=2)

    workflow.ensure(image)

    assert blind.times == 0


def test_a_build_that_is_gone_is_named_and_the_next_attempt_starts_another(workflow):
    workflow.start()
    workflow.ensure(registry, bucket)
    seeing = workflow.clients.codebuild
    blinded(workflow, "codebuild", "batch_get_builds", "builds")
    blinded(workflow, "ecr", "describe_images", "imageDetails")
    with pytest.raises(BuildFailed, match="does not know the build lamplighter-gateway:"):
        workflow.ensure(image)
    workflow.clients.__dict__["codebuild"] = seeing
    workflow.clients.__dict__["ecr"] = workflow.account.client("ecr")

    assert workflow.ensure(image)["uri"]


def test_a_deregistered_image_is_an_invalid_request(workflow):
    blinded(workflow, "ec2", "describe_images", "Images")

    with pytest.raises(InvalidRequest, match=r"instance.ami: there is no image 'ami-.*deregister"):
        machine_images.find_image(workflow.clients, workflow.deployment)


def test_a_region_without_the_public_image_is_an_invalid_request(workflow, account):
    account.fault(operation="GetParameter", error=error("ParameterNotFound"))

    with pytest.raises(InvalidRequest, match=r"instance.ubuntu: us-east-1 has no public parameter"):
        machine_images.find_image(workflow.clients, workflow.deployment)
